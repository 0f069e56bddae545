"""The shop: a Flask-SQLAlchemy application that lets Counterfoil do later what need not be done at once.

Read it in this order: `selling` (tickets opened in the transaction of the shop's own data), `customers` and
`forms` (view models), `fulfilment` (a call to another service), `printing` (slow work that may be postponed),
`app` (the one line that ties it together). It imports the core and nothing else of the product.
"""
