"""As whom the embedded server runs, and where its files must lie for that.

Postgres refuses to run as root, and to be set up by a user that has no name. An ordinary user
runs the server as itself. Root, and a user without a name, first try a user namespace: the same
user with the same files, only called something else inside. Where the system forbids namespaces,
root becomes the owner of the data, or `nobody`, and what that user cannot reach is put where it
can.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: Where root's server finds its files when its user cannot reach them where they are.
SHARED_PLACE: Final = Path(
    os.environ.get("TELEMETRY_EMBEDDED_SHARED_PLACE", "/var/lib/telemetry-postgres")
)

_CLONE_NEWUSER: Final = 0x10000000


class IdentityError(Exception):
    """There is no user the server could run as; the words say why."""


@dataclass(frozen=True)
class Ground:
    """What the server's user can reach."""

    postgres: Path
    cluster: Path


def assume(home: Path, postgres: Path) -> Ground:
    """Turn this process into one that may run the server.

    Args:
        home: The embedded server's folder; the server owns what is in `cluster`.
        postgres: The server's binary.

    Returns:
        The binary to run, which may be a copy, and the folder that the data really lies in.
    """
    user = os.geteuid()
    cluster = home / "cluster"
    owner = cluster.stat().st_uid if cluster.exists() else user
    if user != 0:
        if not _has_name(user):
            _enter_namespace(_stand_in())
        cluster.mkdir(mode=0o700, exist_ok=True)
        return Ground(postgres, cluster)
    if owner == 0:
        inside = _stand_in()
        if not os.environ.get("TELEMETRY_EMBEDDED_NO_NAMESPACE") and _works(
            lambda: _enter_namespace(inside), home, postgres
        ):
            _enter_namespace(inside)
            cluster.mkdir(mode=0o700, exist_ok=True)
            return Ground(postgres, cluster)
        owner = _nobody()
    ground = Ground(_reachable_binary(owner, postgres), _reachable_data(owner, home))
    _become(owner)
    return ground


def _enter_namespace(inside: int) -> None:
    """Be called `inside`, with the rights on files that this user has, but not root's powers.

    Raises:
        OSError: Where the kernel or the container does not allow it.
    """
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare"):
        raise OSError("this system has no user namespaces")
    if libc.unshare(_CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "this system forbids user namespaces")
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{inside} {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{inside} {group} 1", encoding="ascii")


def _become(user: int) -> None:
    """Give up root for good."""
    group = pwd.getpwuid(user).pw_gid if _has_name(user) else user
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)


def _works(change: Callable[[], None], *paths: Path) -> bool:
    """Try in a child whether these paths can be used after the change of identity."""
    child = os.fork()
    if child == 0:
        fine = False
        try:
            change()
            fine = all(
                os.access(path, os.R_OK | os.X_OK | (os.W_OK if path.is_dir() else 0))
                for path in paths
            )
        finally:
            os._exit(0 if fine else 1)
    return os.waitpid(child, 0)[1] == 0


def _stand_in() -> int:
    """Any user but root that has a name."""
    for entry in pwd.getpwall():
        if entry.pw_uid:
            return entry.pw_uid
    raise IdentityError("this system has no user but root")


def _nobody() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return _stand_in()


def _has_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _reachable_binary(user: int, postgres: Path) -> Path:
    """The binary, or a copy of its installation where `user` can run it."""
    if _works(lambda: _become(user), postgres):
        return postgres
    installation = postgres.parents[1]
    site = installation.parents[1]
    # A wheel keeps libraries beside its package, and its programs look for them there.
    libraries = site / f"{installation.parent.name}.libs"
    stamp = hashlib.sha256(f"{installation}:{postgres.stat().st_mtime_ns}".encode()).hexdigest()
    copy = SHARED_PLACE / f"postgres-{stamp[:12]}"
    if not copy.exists():
        _make_shared_place()
        partial = Path(tempfile.mkdtemp(dir=SHARED_PLACE, prefix="partial-"))
        for source in (installation, libraries):
            if source.is_dir():
                shutil.copytree(
                    source,
                    partial / source.relative_to(site),
                    symlinks=True,
                    ignore=shutil.ignore_patterns("include"),
                )
        # A umask of 077 would leave folders that only root can enter.
        for folder, _, _ in os.walk(partial):
            Path(folder).chmod(0o755)
        partial.rename(copy)
    return copy / postgres.relative_to(site)


def _reachable_data(user: int, home: Path) -> Path:
    """Let `user` own the data, in the shared place if it cannot get to it at home."""
    cluster = home / "cluster"
    passable = _passable(user, home)
    if not cluster.exists():
        target = cluster
        if not passable:
            _make_shared_place()
            target = SHARED_PLACE / f"data-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"
            cluster.unlink(missing_ok=True)
            cluster.symlink_to(target)
        target.mkdir(mode=0o700, exist_ok=True)
    elif not cluster.is_symlink() and not passable:
        raise IdentityError(
            f"the data in {cluster} was made where user namespaces are allowed, and here they are "
            "not; dump it there, or set embedded_path to a new folder"
        )
    place = cluster.resolve()
    if place.stat().st_uid != user:
        _give(user, place)
    return place


def _passable(user: int, home: Path) -> bool:
    """Whether `user` gets to the folder, once the folder itself lets it pass."""
    home.chmod(home.stat().st_mode | 0o011)
    child = os.fork()
    if child == 0:
        fine = False
        try:
            _become(user)
            fine = os.access(home, os.X_OK)
        finally:
            os._exit(0 if fine else 1)
    return os.waitpid(child, 0)[1] == 0


def _make_shared_place() -> None:
    if not SHARED_PLACE.exists():
        SHARED_PLACE.mkdir(parents=True)
        SHARED_PLACE.chmod(0o755)
    if SHARED_PLACE.stat().st_uid != 0:
        raise IdentityError(f"{SHARED_PLACE} does not belong to root")


def _give(user: int, place: Path) -> None:
    for folder, _, files in os.walk(place):
        for name in (".", *files):
            os.chown(Path(folder, name), user, -1, follow_symlinks=False)
