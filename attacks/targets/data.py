"""Data sets of the targets: real ones, deduplicated, and never downloaded silently."""

from __future__ import annotations

import gzip
import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxonomy.findings import InputError, unknown

GENOMES = Path(__file__).parent / "files" / "1000-genomes.csv.gz"
DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")
FASHION_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
# SHA-256 of the decompressed files: Debian's archives differ from upstream's, their content does not.
FASHION_FILES = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
}


@dataclass(frozen=True)
class Data:
    """Records x float32 (n, ...), labels y int64 (n,), without duplicates."""

    name: str
    x: NDArray[np.float32]
    y: NDArray[np.int64]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.y.max()) + 1


def load(name: str) -> Data:
    """Return a data set by name; raise InputError with the nearest valid name."""
    if name not in LOADERS:
        raise unknown("data set", name, LOADERS)
    return LOADERS[name]()


def deduplicated(name: str, x: NDArray[Any], y: NDArray[Any]) -> Data:
    """Return the data without repeated records: a duplicate on both sides of a split makes "non-member" false."""
    _, first = np.unique(x.reshape(len(x), -1), axis=0, return_index=True)
    kept = np.sort(first)
    return Data(name, np.ascontiguousarray(x[kept], dtype=np.float32), y[kept].astype(np.int64))


def digits() -> Data:
    """Return the handwritten digits of scikit-learn, 1,797 pictures of 8 x 8 pixels, each pixel standardised."""
    from sklearn.datasets import load_digits

    loaded = load_digits()
    data = deduplicated("digits", loaded.data, loaded.target)
    spread = data.x.std(axis=0)
    standardised = (data.x - data.x.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return Data("digits", standardised.astype(np.float32), data.y)


def fashion() -> Data:
    """Return the 60,000 training pictures of Fashion-MNIST, 28 x 28 pixels, standardised by mean and deviation.

    Read from Debian's package `dataset-fashion-mnist` if it is there, else downloaded once with a note on stderr.
    Raises InputError if neither can be had, or if the content is not what it should be.
    """
    images, labels = (_fashion_file(name) for name in FASHION_FILES)
    x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
    y = np.frombuffer(labels, np.uint8, offset=8)
    # The training pictures hold no exact duplicate (checked by a test), so the costly search is left out here.
    standardised = (x.astype(np.float32) / 255 - 0.2860) / 0.3530
    return Data("fashion", standardised.astype(np.float32), y.astype(np.int64))


def _fashion_file(name: str) -> bytes:
    path = DEBIAN_FASHION / name
    if not path.is_file():
        path = _download(FASHION_URL, name)
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise InputError(f"{path} is damaged ({error}); delete it and try again") from error
    found = hashlib.sha256(content).hexdigest()
    if found != FASHION_FILES[name]:
        raise InputError(f"{path} is not the Fashion-MNIST that is expected: SHA-256 {found}, not {FASHION_FILES[name]}")
    return content


def _download(base: str, name: str) -> Path:
    """Return a file fetched into the user's cache folder; what is there already is not fetched again."""
    how = "install Debian's package dataset-fashion-mnist, or `pip install mia-atlas[download]` and be online"
    try:
        import pooch
    except ImportError as error:
        raise InputError(f"Fashion-MNIST is not on this machine: {how}") from error
    from platformdirs import user_cache_path

    folder = user_cache_path("mia-atlas") / "data"
    if not (folder / name).exists():
        print(f"Downloading {name} of Fashion-MNIST to {folder}", file=sys.stderr)
    try:
        # The archives differ between mirrors; the content is checked after decompression.
        return Path(pooch.retrieve(base + name, known_hash=None, fname=name, path=folder, progressbar=False))
    except Exception as error:
        raise InputError(f"Fashion-MNIST cannot be downloaded ({type(error).__name__}): {how}") from error


def genomes() -> Data:
    """Return 2,504 people of the 1000 Genomes Project: 127 SNPs as counts of the rarer allele, standardised; 26 populations."""
    counts, population, _ = genotypes()
    data = deduplicated("genomes", counts, population)
    return Data("genomes", ((data.x - data.x.mean(axis=0)) / data.x.std(axis=0)).astype(np.float32), data.y)


def genomes_panel() -> Data:
    """Return the same people with the first 24 of the SNPs alone, as a small test would show them."""
    counts, population, _ = genotypes()
    data = deduplicated("genomes-panel", counts[:, :24], population)
    return Data("genomes-panel", ((data.x - data.x.mean(axis=0)) / data.x.std(axis=0)).astype(np.float32), data.y)


def genotypes() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the people of the 1000 Genomes Project: allele counts (n, 127) of 0, 1 or 2, population and superpopulation (n,).

    Populations are numbered in alphabetical order of their codes. See files/README.md for where the data is from.
    """
    text = gzip.decompress(GENOMES.read_bytes()).decode().splitlines()
    rows = [line.split(",") for line in text[1:]]
    counts = np.array([[int(value) for value in row[:-2]] for row in rows])
    population, superpopulation = (np.unique([row[k] for row in rows], return_inverse=True)[1] for k in (-2, -1))
    return counts, population, superpopulation


LOADERS: dict[str, Callable[[], Data]] = {
    "digits": digits,
    "fashion": fashion,
    "genomes": genomes,
    "genomes-panel": genomes_panel,
}
