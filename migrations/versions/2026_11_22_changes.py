"""When a product was written last, so that whoever keeps its attributes in memory reads only what has changed.

Revision: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

POSTGRES = (
    """
    CREATE FUNCTION note_product_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.changed := pg_current_xact_id()::text::bigint;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER products_changed BEFORE INSERT OR UPDATE ON products
    FOR EACH ROW EXECUTE FUNCTION note_product_change()
    """,
)
NUMBER = """
    UPDATE products SET changed = (SELECT max(changed) + 1 FROM products WHERE catalog = NEW.catalog)
    WHERE catalog = NEW.catalog AND product_id = NEW.product_id;
"""
SQLITE = (
    f"CREATE TRIGGER products_inserted AFTER INSERT ON products BEGIN {NUMBER} END",
    f"CREATE TRIGGER products_updated AFTER UPDATE OF version, deleted, attributes ON products BEGIN {NUMBER} END",
)


def upgrade() -> None:
    """Apply."""
    op.add_column("products", sa.Column("changed", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index("ix_products_catalog_changed", "products", ["catalog", "changed"])
    for statement in POSTGRES if _on_postgres() else SQLITE:
        op.execute(statement)


def downgrade() -> None:
    """Take back."""
    if _on_postgres():
        op.execute("DROP TRIGGER products_changed ON products")
        op.execute("DROP FUNCTION note_product_change()")
    else:
        op.execute("DROP TRIGGER products_inserted")
        op.execute("DROP TRIGGER products_updated")
    op.drop_index("ix_products_catalog_changed", "products")
    op.drop_column("products", "changed")


def _on_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"
