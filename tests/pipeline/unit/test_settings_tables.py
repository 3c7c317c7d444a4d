"""The settings in the READMEs and in `meltano.yml` are what the packages say of themselves."""

from __future__ import annotations

import sys

from support.project import ROOT, Project


def test_the_generated_settings_are_current() -> None:
    checked = Project(ROOT).run(sys.executable, "docs/settings_tables.py", "--check", check=False)
    assert checked.code == 0, checked.out
