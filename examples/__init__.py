"""Applications that use Counterfoil the way a customer would."""
