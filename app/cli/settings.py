"""The settings of a command: the environment, and the options that override it."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from app.config import Settings
from app.domain.errors import Misconfigured


def read_settings(**options: Any) -> Settings:
    """Options that were not given (None) leave the environment's word. Raises `Misconfigured`, the setting named."""
    try:
        settings = Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise Misconfigured(
            f"the setting {name} (VITRINE_{name.upper()}) is wrong: {first['msg']}", code="bad_setting", field=name
        ) from None
    except SettingsError as error:  # what should be JSON and is not
        raise Misconfigured(f"a setting cannot be read: {error}", code="bad_setting") from None
    if Path(settings.encoder).is_dir():  # a build remembers it, and is opened again from any folder
        return settings.model_copy(update={"encoder": str(Path(settings.encoder).absolute())})
    return settings


def quiet(settings: Settings) -> Settings:
    """The same settings with only warnings logged, unless a level was asked for: a command has a progress bar."""
    if "log_level" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"log_level": "WARNING"})
