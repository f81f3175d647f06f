"""No repository makes `import git` and `demo` execute a program or connect to anywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_learning.clients.sources import sources
from mcp_learning.clients.transfer import git
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.errors import InvalidInput

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the traps are shell scripts")

SIGNING = "\n".join(
    [
        "#!/bin/sh",
        "cat > /dev/null",
        "echo '[GNUPG:] SIG_CREATED ' >&2",
        "printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nx\\n-----END PGP SIGNATURE-----\\n'",
    ]
)


class Traps:
    """Programs that leave their name in a directory when they are executed."""

    def __init__(self, path: Path) -> None:
        self.sprung, self.path = path / "sprung", path / "programs"
        for directory in (self.sprung, self.path):
            directory.mkdir(parents=True)

    def program(self, name: str, then: str = "exit 1") -> str:
        return self._write(self.path / name, f"touch '{self.sprung / name}'\n{then}")

    def hooks(self, *names: str) -> str:
        for name in names:
            self._write(self.path / "hooks" / name, f"touch '{self.sprung}/hook-{name}'")
        return str(self.path / "hooks")

    def found(self) -> set[str]:
        return {entry.name for entry in self.sprung.iterdir()}

    def clear(self) -> None:
        for entry in self.sprung.iterdir():
            entry.unlink()

    def _write(self, path: Path, script: str) -> str:
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)


@pytest.fixture
def traps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Traps:
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    return Traps(tmp_path / "traps")


def plain_git(directory: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    identity = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    return subprocess.run(
        ["git", *identity, *arguments],
        cwd=directory,
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )


def make_history(path: Path, traps: Traps) -> Path:
    """Three signed commits; all files have a filter, a diff and a merge driver."""
    path.mkdir(parents=True)
    signer = traps.path / "signer"
    signer.write_text(SIGNING)
    signer.chmod(0o755)
    plain_git(path, "init", "--quiet", "--initial-branch=main")
    (path / ".gitattributes").write_text("* diff=trap filter=trap merge=trap\n")
    for number in range(3):
        (path / "a.txt").write_text(f"{number}\n")
        plain_git(path, "add", "--all")
        message = (
            "-c",
            f"gpg.program={signer}",
            "commit",
            "--quiet",
            "-S",
            f"-mClimb step {number}",
        )
        done = plain_git(path, *message)
        assert done.returncode == 0, done.stderr
    return path


def set_traps(repository: Path, traps: Traps) -> None:
    """Has the configuration of a repository name a program wherever git can execute one."""
    included = repository / "more.config"
    included.write_text(f"[diff]\n\texternal = {traps.program('included-diff')}\n")
    settings = {
        "core.fsmonitor": traps.program("fsmonitor"),
        "core.hooksPath": traps.hooks("post-index-change", "reference-transaction", "pre-auto-gc"),
        "core.sshCommand": traps.program("ssh"),
        "core.gitProxy": traps.program("proxy"),
        "core.askPass": traps.program("askpass"),
        "core.editor": traps.program("editor"),
        "core.pager": traps.program("pager"),
        "pager.log": traps.program("pager-log"),
        "pager.rev-parse": traps.program("pager-rev-parse"),
        "core.alternateRefsCommand": traps.program("alternates"),
        "alias.log": f"!{traps.program('alias-log')}",
        "alias.rev-parse": f"!{traps.program('alias-rev-parse')}",
        "credential.helper": f"!{traps.program('credentials')}",
        "diff.external": traps.program("external-diff"),
        "diff.trap.command": traps.program("diff-driver"),
        "diff.trap.textconv": traps.program("textconv"),
        "filter.trap.clean": traps.program("clean", "cat"),
        "filter.trap.smudge": traps.program("smudge", "cat"),
        "filter.trap.process": traps.program("process"),
        "merge.trap.driver": traps.program("merge"),
        "gpg.program": traps.program("gpg"),
        "gpg.openpgp.program": traps.program("gpg-openpgp"),
        "log.showSignature": "true",
        "diff.submodule": "diff",
        "submodule.recurse": "true",
        "trailer.trap.command": traps.program("trailer"),
        "maintenance.auto": "true",
        "gc.auto": "1",
        "include.path": str(included),
    }
    for name, value in settings.items():
        assert plain_git(repository, "config", name, value).returncode == 0
    os.utime(repository / "a.txt", (1, 1))  # so that a look at the work tree cleans it


def learn(repository: Path) -> list[str]:
    return [commit.subject for commit in git.read(repository, 10).commits]


STEPS = ["Climb step 0", "Climb step 1", "Climb step 2"]


def test_nothing_that_a_configuration_names_is_executed(tmp_path: Path, traps: Traps) -> None:
    repository = make_history(tmp_path / "repository", traps)
    set_traps(repository, traps)
    plain_git(repository, "-c", "core.fsmonitor=", "status")
    plain_git(repository, "log", "-p")
    plain_git(repository, "log", "-p", "--ext-diff")
    plain_git(repository, "status")
    plain_git(repository, "config", "--unset", "filter.trap.process")
    plain_git(repository, "log", "-p", "--no-show-signature")
    plain_git(repository, "log", "-p", "--no-show-signature", "--ext-diff")
    plain_git(repository, "add", "a.txt")
    live = {"fsmonitor", "gpg-openpgp", "process", "textconv", "diff-driver", "clean"}
    assert traps.found() >= live, "the traps themselves don't work"
    plain_git(repository, "config", "filter.trap.process", traps.program("process"))

    traps.clear()
    os.utime(repository / "a.txt", (2, 2))
    assert learn(repository) == STEPS
    assert traps.found() == set()


def test_variables_that_name_programs_and_files_are_not_passed_on(
    tmp_path: Path, traps: Traps, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = make_history(tmp_path / "repository", traps)
    for name in ("EXTERNAL_DIFF", "SSH_COMMAND", "SSH", "PROXY_COMMAND", "ASKPASS", "PAGER"):
        monkeypatch.setenv(f"GIT_{name}", traps.program(name))
    for name in ("TRACE", "TRACE2", "TRACE2_EVENT", "TRACE_SETUP", "TRACE2_PERF"):
        monkeypatch.setenv(f"GIT_{name}", str(traps.sprung / name))
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ssh:ext:file")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.fsmonitor")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", traps.program("configured"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert learn(repository) == STEPS
    assert traps.found() == set()


@pytest.mark.parametrize("entry", [".", "", "bin"])
def test_a_program_called_git_in_the_repository_is_not_git(
    entry: str, tmp_path: Path, traps: Traps, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = make_history(tmp_path / "repository", traps)
    fake = repository / entry / "git"
    fake.parent.mkdir(exist_ok=True)
    fake.write_text(Path(traps.program("git")).read_text())
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{entry}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(repository)
    assert learn(repository) == STEPS
    assert traps.found() == set()


@pytest.fixture
def partial_clone(tmp_path: Path, traps: Traps) -> Path:
    """A clone without trees, which git would fetch to say which files a commit touched."""
    origin = make_history(tmp_path / "origin", traps)
    plain_git(origin, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    filtered = ("clone", "--quiet", "--filter=tree:0", "--no-checkout")
    done = plain_git(tmp_path, *filtered, origin.as_uri(), str(clone))
    assert done.returncode == 0, done.stderr
    return clone


@pytest.mark.parametrize("transport", ["ssh", "scp", "ext", "file", "http", "helper"])
def test_what_a_partial_clone_lacks_is_not_fetched(
    transport: str, partial_clone: Path, traps: Traps
) -> None:
    addresses = {
        "ssh": "ssh://host.invalid/repository",
        "scp": "host.invalid:repository",
        "ext": f"ext::{traps.program('ext')}",
        "file": (partial_clone.parent / "origin").as_uri(),
        "http": "http://127.0.0.1:9/repository",
        "helper": "helper::repository",
    }
    set_up = {
        "remote.origin.url": addresses[transport],
        "remote.origin.uploadpack": traps.program("uploadpack"),
        "core.sshCommand": traps.program("ssh"),
        "credential.helper": f"!{traps.program('credentials')}",
        "protocol.allow": "always",
        "protocol.ext.allow": "always",
    }
    for name, value in set_up.items():
        plain_git(partial_clone, "config", name, value)
    if transport in ("ssh", "scp", "ext", "file"):
        plain_git(partial_clone, "log", "--raw")
        assert traps.found(), "the traps themselves don't work"
        traps.clear()

    notes = Notes()
    records = list(sources(10)["git"].read(partial_clone, notes))
    assert [record.execution.task_description for record in records] == STEPS
    assert [record.execution.details.file_count for record in records] == [None] * 3
    assert notes.left_out == {"files of the commits": 1}
    assert "not in this partial clone" in notes.examples[0].reason
    assert traps.found() == set()


def test_an_order_of_files_or_a_directory_that_is_configured_changes_nothing(
    tmp_path: Path, traps: Traps
) -> None:
    repository = make_history(tmp_path / "repository", traps)
    (repository / "sub").mkdir()
    for name, value in (
        ("diff.orderFile", str(tmp_path / "missing")),
        ("diff.relative", "true"),
        ("log.showRoot", "false"),
        ("core.worktree", str(tmp_path / "elsewhere")),
    ):
        plain_git(repository, "config", name, value)
    commits = git.read(repository / "sub", 10).commits
    assert [commit.subject for commit in commits] == STEPS
    assert [commit.files for commit in commits] == [(".gitattributes", "a.txt"), *[("a.txt",)] * 2]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give files away")
def test_a_repository_of_another_user_is_read_if_the_user_calls_it_safe(
    tmp_path: Path, traps: Traps, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = make_history(tmp_path / "repository", traps)
    set_traps(repository, traps)
    for entry in (repository, *repository.rglob("*")):
        os.chown(entry, 12345, 12345)
    with pytest.raises(InvalidInput, match="dubious ownership"):
        git.read(repository, 10)
    configuration = tmp_path / "gitconfig"
    configuration.write_text(f"[safe]\n\tdirectory = {repository}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
    traps.clear()
    assert learn(repository) == STEPS
    assert traps.found() == set()
