"""The truth: catalogs, products, images, uploads, embeddings, builds and what each build holds.

Revision: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out here, not taken from the application: a migration keeps saying what it said when it ran.
ID = sa.String(128).with_variant(sa.String(128, collation="C"), "postgresql")
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
LIVE = sa.text("state = 'live'")
BUILDING = sa.text("state IN ('building', 'ready')")
UNFINISHED = sa.text("state IN ('accepted', 'fetched', 'encoded')")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "catalogs",
        sa.Column("name", ID, nullable=False),
        sa.Column("attributes", JSON, nullable=False),
        sa.Column("caption", JSON, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_catalogs")),
    )
    op.create_table(
        "embeddings",
        sa.Column("fingerprint", sa.String(32), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", "content_hash", name=op.f("pk_embeddings")),
    )
    op.create_table(
        "builds",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("catalog", ID, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("fingerprint", sa.String(32), nullable=False),
        sa.Column("encoder", JSON, nullable=False),
        sa.Column("parameters", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["catalog"], ["catalogs.name"], name=op.f("fk_builds_catalog_catalogs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_builds")),
    )
    op.create_index("uq_builds_live", "builds", ["catalog"], unique=True, postgresql_where=LIVE, sqlite_where=LIVE)
    op.create_index(
        "uq_builds_unfinished", "builds", ["catalog"], unique=True, postgresql_where=BUILDING, sqlite_where=BUILDING
    )

    op.create_table(
        "products",
        sa.Column("catalog", ID, nullable=False),
        sa.Column("product_id", ID, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("upload_id", sa.String(40), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("attributes", JSON, nullable=False),
        sa.ForeignKeyConstraint(["catalog"], ["catalogs.name"], name=op.f("fk_products_catalog_catalogs")),
        sa.PrimaryKeyConstraint("catalog", "product_id", name=op.f("pk_products")),
    )
    op.create_table(
        "build_products",
        sa.Column("build_id", sa.String(40), nullable=False),
        sa.Column("product_id", ID, nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("pictures", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["builds.id"], name=op.f("fk_build_products_build_id_builds")),
        sa.PrimaryKeyConstraint("build_id", "product_id", name=op.f("pk_build_products")),
    )
    op.create_table(
        "images",
        sa.Column("catalog", ID, nullable=False),
        sa.Column("product_id", ID, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("content_hash", sa.String(64), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("error_code", sa.String(64), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["catalog", "product_id"],
            ["products.catalog", "products.product_id"],
            name=op.f("fk_images_catalog_product_id_products"),
        ),
        sa.PrimaryKeyConstraint("catalog", "product_id", "version", "position", name=op.f("pk_images")),
    )
    op.create_index(op.f("ix_images_catalog_content_hash"), "images", ["catalog", "content_hash"], unique=False)

    op.create_table(
        "uploads",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("catalog", ID, nullable=False),
        sa.Column("product_id", ID, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("token", sa.String(32), nullable=True),
        sa.Column("touched", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("accepted_at", MOMENT, nullable=False),
        sa.Column("fetched_at", MOMENT, nullable=True),
        sa.Column("encoded_at", MOMENT, nullable=True),
        sa.Column("indexed_at", MOMENT, nullable=True),
        sa.Column("superseded_at", MOMENT, nullable=True),
        sa.Column("dead_at", MOMENT, nullable=True),
        sa.Column("error_code", sa.String(64), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["catalog", "product_id"],
            ["products.catalog", "products.product_id"],
            name=op.f("fk_uploads_catalog_product_id_products"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint("catalog", "product_id", "version", name=op.f("uq_uploads_catalog_product_id_version")),
    )
    op.create_index(op.f("ix_uploads_accepted_at_id"), "uploads", ["accepted_at", "id"], unique=False)
    op.create_index(
        "ix_uploads_unfinished",
        "uploads",
        ["state", "due_at"],
        unique=False,
        postgresql_where=UNFINISHED,
        sqlite_where=UNFINISHED,
    )

    op.create_table(
        "idempotency_keys",
        sa.Column("catalog", ID, nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("upload_id", sa.String(40), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["catalog"], ["catalogs.name"], name=op.f("fk_idempotency_keys_catalog_catalogs")),
        sa.ForeignKeyConstraint(["upload_id"], ["uploads.id"], name=op.f("fk_idempotency_keys_upload_id_uploads")),
        sa.PrimaryKeyConstraint("catalog", "key", name=op.f("pk_idempotency_keys")),
    )


def downgrade() -> None:
    """Take back."""
    for table in (
        "idempotency_keys",
        "uploads",
        "images",
        "build_products",
        "products",
        "builds",
        "embeddings",
        "catalogs",
    ):
        op.drop_table(table)
