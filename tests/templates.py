"""Templates are compiled and translations read once a process of tests, and not anew for each test's application: as in the service, which
has one."""

from __future__ import annotations

import functools
from types import CodeType
from typing import Any

import jinja2

from service.web import language


class InMemory(jinja2.BytecodeCache):
    """Compiled templates, for environments that are set up alike."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], CodeType] = {}

    def load_bytecode(self, bucket: Any) -> None:
        bucket.code = self._kept.get(_key(bucket))

    def dump_bytecode(self, bucket: Any) -> None:
        self._kept[_key(bucket)] = bucket.code


def _key(bucket: Any) -> tuple[object, ...]:
    how = bucket.environment
    settings = (how.optimized, how.trim_blocks, how.lstrip_blocks, how.keep_trailing_newline, how.autoescape, how.undefined, how.is_async)
    return bucket.key, bucket.checksum, *settings, *sorted(how.extensions), how.policies["ext.i18n.trimmed"]


def compile_templates_once() -> None:
    """From now on every environment of this process shares what is compiled, and every application what was read."""
    kept, init = InMemory(), jinja2.Environment.__init__

    @functools.wraps(init)
    def with_cache(self: jinja2.Environment, *args: Any, **options: Any) -> None:
        init(self, *args, **{"bytecode_cache": kept, **options})

    jinja2.Environment.__init__ = with_cache  # type: ignore[method-assign]
    language.read_languages = functools.cache(language.read_languages)
