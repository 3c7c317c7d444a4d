"""What packages share is one file, copied byte for byte to where it is needed."""

from __future__ import annotations

from pathlib import Path

import pytest
from shared_code.vendor import packages, wanted

PACKAGES = packages()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_has_the_shared_modules_that_it_imports_and_no_other(package: Path) -> None:
    folder = package / "_shared"
    copies = {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.py"))
    }
    assert copies == wanted(package), f"{folder} is not what `make vendor` makes"


def test_every_shared_module_is_in_two_packages_or_will_be() -> None:
    copied = [name for package in PACKAGES for name in wanted(package)]
    modules = {
        str(path.relative_to(folder))
        for folder in [Path(__file__).parents[3] / "shared_code"]
        for path in folder.rglob("*.py")
    }
    assert modules - {"vendor.py"} == set(copied), "nobody uses it: remove it"
    assert len(PACKAGES) > 1
