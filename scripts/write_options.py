"""Write docs/options.md and docs/config.schema.json from the fields of `TrainConfig`.

python scripts/write_options.py
"""

from __future__ import annotations

import json
from pathlib import Path

from ganctl.config import RunOptions, TrainConfig, json_schema, options, options_table

DOCS = Path(__file__).parents[1] / "docs"

INTRODUCTION = """# Options of `ganctl train`

Every option is also a keyword of `ganctl.train` (with `_` for `-`) and a key of a `--config` file;
[config.schema.json](config.schema.json) describes a run's `config.json`. A recipe changes some
defaults: the table gives those of the default recipe, of `--arch conv` and of `--recipe classic`.

Options that may change with `--resume`: {resumable}; and those that only say
how and where the run is trained: {run}.

This page is generated: `python scripts/write_options.py`.

"""


def main() -> None:
    """Write both files."""
    table = options_table(TrainConfig, RunOptions)
    resumable = ", ".join(
        f"`--{name.replace('_', '-')}`"
        for name, each in options(TrainConfig).items()
        if each.resumable
    )
    run = ", ".join(f"`--{name}`" for name in options(RunOptions))
    text = INTRODUCTION.format(resumable=resumable, run=run)
    (DOCS / "options.md").write_text(text + table, encoding="utf-8")
    schema = json.dumps(json_schema(TrainConfig), indent=2, ensure_ascii=False)
    (DOCS / "config.schema.json").write_text(schema + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
