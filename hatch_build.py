"""What the wheel carries besides service/: the folders that stand at the top of the repository for those who review them.

Clinicians work in flows/, designers in templates/; an installed wheel has both as service/_content/. Code looks for
`service/_content/flows` first and else for the checkout's `flows`. An editable install takes no copy, which would go stale.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ContentHook(BuildHookInterface[Any]):
    """Adds flows/ and templates/ to a wheel that is to be installed elsewhere."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds; `version` is "standard" or "editable"."""
        if version == "standard":
            for folder in ("flows", "templates"):
                build_data["force_include"][str(Path(self.root, folder))] = f"service/_content/{folder}"
