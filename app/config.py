"""The settings: one class, read from the environment (`VITRINE_…`) at the entrypoints and nowhere else."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_ENCODER = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K@1a25a446712ba5ee05982a381eed697ef9b435cf"
"""An open dual encoder of base size (MIT licence), at a pinned revision."""

MEMORY_BROKER = "memory://"
INDEX_TYPES = Literal["", "HNSW", "HNSW_SQ", "IVF_FLAT", "IVF_SQ8", "IVF_PQ", "FLAT"]


class Settings(BaseSettings):
    """Everything that can be set. Without any setting, one command does everything in one data directory."""

    model_config = SettingsConfigDict(env_prefix="VITRINE_", extra="ignore")

    data: Path = Field(default=Path("vitrine-data"), description="the data directory of the embedded default")
    database_url: str = Field(
        default="",
        pattern=r"^($|postgresql(\+\w+)?://|sqlite:///)",
        description="postgresql://… ; a SQLite file in the data directory if empty",
    )
    broker_url: str = Field(
        default=MEMORY_BROKER,
        pattern=r"^(memory://$|rediss?://)",
        description="redis://… ; a worker in this process if memory://",
    )
    milvus_uri: str = Field(
        default="",
        pattern=r"^($|https?://|[^:]+\.db$)",
        description="http://… ; milvus-lite in the data directory if empty",
    )
    milvus_token: str = Field(default="", description="user:password of the Milvus server", repr=False)
    blob_url: str = Field(
        default="",
        pattern=r"^($|s3://.|[^:]+$)",
        description="s3://bucket/prefix or a folder; in the data directory if empty",
    )
    cache_url: str = Field(
        default="",
        pattern=r"^($|rediss?://)",
        description="redis://… ; answers are kept there for all API processes; if empty in each one's memory alone",
    )
    # Some five thousand answers of 20 hits: more than a shop's shoppers ask within five minutes.
    cache_mb: int = Field(
        default=64,
        ge=0,
        description="megabytes of answers kept in the memory of each API process, of a cache_url for 30 s; 0: none",
    )
    encoder: str = Field(default=DEFAULT_ENCODER, description="a local model directory, or a hub name with @revision")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="where the encoder runs")
    threads: int = Field(default=0, ge=0, description="threads of the model on a CPU; 0: one a core")
    index: INDEX_TYPES = Field(
        default="", description="index type of new catalogs; if empty HNSW, or exact in milvus-lite"
    )

    host: str = Field(default="127.0.0.1", description="the address to listen on")
    port: int = Field(default=8000, ge=1, le=65535, description="the port to listen on")
    allow_unauthenticated: bool = Field(
        default=False,
        description="listen beyond loopback although nobody is asked for a key: behind a proxy that asks",
    )
    allow_private_urls: bool = Field(default=False, description="fetch pictures from private networks too")
    url_ports: frozenset[int] = Field(
        default=frozenset({80, 443}), description="ports pictures are fetched from, as JSON: [80, 443, 9000]"
    )

    # A batch is what one transaction, one lease and one store call hold. Larger ones gain little and lose more when
    # a worker dies; smaller ones pay the fixed costs (a commit, a flush) too often.
    intake_batch: int = Field(default=32, ge=1, description="uploads fetched at a time")
    encode_batch: int = Field(default=128, ge=1, description="uploads encoded at a time")
    index_batch: int = Field(default=512, ge=1, description="uploads indexed at a time")
    model_batch: int = Field(default=32, ge=1, description="contents the model takes at a time; 8 is enough on a CPU")
    decode_threads: int = Field(default=2, ge=1, description="threads that decode pictures beside the model")
    fetch_threads: int = Field(default=16, ge=1, description="pictures fetched side by side")

    build_page: int = Field(default=1_000, ge=1, description="products that a step of filling a build brings")
    # What a build may cost before it goes live by force alone.
    gate_found: float = Field(
        default=0.99, ge=0, le=1, description="the least share of a build's sample found by its own vectors"
    )
    gate_recall: float = Field(
        default=0.95, ge=0, le=1, description="the least recall@10 of a build's index against the exact answer"
    )
    gate_drop: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="how many fewer captions may find their picture, of 1, and how much less judged queries may find",
    )
    gate_slower: float = Field(
        default=2.0,
        ge=1,
        description="how many times as long as in the live build a search may take; 5 ms more are always allowed",
    )
    gate_overlap: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="the least share that answers to recorded queries have in common with those of the live build",
    )
    # A leg takes milliseconds, and a second or two where its collection is being loaded or the machine is busy: what
    # takes longer is stuck, and a shopper does not wait for it.
    search_budget_s: float = Field(
        default=5.0, gt=0, description="seconds that the legs of a search may take; a late one is left out"
    )
    # A shop's head queries and some of its tail; a check asks the 200 of them that are asked most.
    recorded_queries: int = Field(
        default=500, ge=0, description="searches kept of each catalog, to be asked of a build before it goes live"
    )
    retired_builds: int = Field(
        default=1, ge=0, description="builds that were live and go on taking uploads, to roll back to"
    )
    # Four times a day: what drifts is mended within a working day, and comparing costs far less than that.
    reconcile_every_s: int = Field(
        default=21_600, ge=0, description="seconds between two comparisons of a build with the database; 0: none"
    )
    promote_patience_s: int = Field(
        default=60, ge=0, description="seconds that API processes may take to load the encoder of a build"
    )

    # Longer than the slowest batch on the slowest machine takes, twice: one batch is begun while the one ahead of it
    # is at work. A worker that dies costs its uploads this long.
    lease_s: int = Field(default=300, ge=1, description="seconds that a worker may keep an upload")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="how much is told")
    log_format: Literal["text", "json"] = Field(default="text", description="text for a person, json for a machine")

    @property
    def embedded(self) -> bool:
        """Whether this process has the data directory to itself and does the work of the workers too."""
        return self.broker_url == MEMORY_BROKER

    @property
    def sql_url(self) -> str:
        """The database's address."""
        return self.database_url or f"sqlite:///{self.data.absolute() / 'vitrine.sqlite'}"

    @property
    def vector_uri(self) -> str:
        """The vector store's address."""
        return self.milvus_uri or str(self.data.absolute() / "milvus.db")

    @property
    def pictures_url(self) -> str:
        """Where pictures are kept: an s3:// URL or a folder."""
        return self.blob_url or str(self.data.absolute() / "pictures")
