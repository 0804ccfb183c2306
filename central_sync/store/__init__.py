"""The centre's PostgreSQL: pool, migrations, and one module for each table. The only place that knows asyncpg.

Functions take the connection of a transaction and never commit it. Every key leads with the column by which the table
would be distributed (`node_id` or `order_id`), so that the same schema runs on Citus.
"""
