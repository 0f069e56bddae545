"""What every engine of ours does to its connections."""

from counterfoil.database import make_engine


def test_postgresql_compiles_none_of_our_queries(postgresql_url: str) -> None:
    engine = make_engine(postgresql_url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW jit").scalar_one() == "off"
        connection.rollback()
        assert connection.exec_driver_sql("SHOW jit").scalar_one() == "off"
    engine.dispose()
