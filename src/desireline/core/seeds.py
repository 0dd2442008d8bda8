"""Seeds and the generators made from them: the one place in the core where a generator is born.

Knows how names become numbers. Does not know what is drawn.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import DTypeLike, NDArray


def seed_of(*parts: str) -> int:
    """An unsigned 64-bit seed: the first eight bytes of SHA-256 over the length-prefixed parts.

    The lengths keep ("ab", "c") and ("a", "bc") apart.

    >>> seed_of("ret_1", "session 9") == seed_of("ret_1", "session 9")
    True
    >>> seed_of("ab", "c") == seed_of("a", "bc")
    False
    """
    encoded = [part.encode() for part in parts]
    framed = b"".join([len(each).to_bytes(8, "big") + each for each in encoded])
    return int.from_bytes(hashlib.sha256(framed).digest()[:8], "big")


def generator(seed: int) -> np.random.Generator:
    """A PCG64 generator; equal seeds give equal streams on every machine.

    >>> generator(7).integers(100, size=3).tolist() == generator(7).integers(100, size=3).tolist()
    True
    """
    return np.random.Generator(np.random.PCG64(seed))


def light_generator(seed: int) -> np.random.Generator:
    """As `generator`, of another stream, and born in a third of the time: for draws of counts.

    numpy mixes a seed in some hundred small steps before PCG64 takes 256 bits of it; SHA-256 gives
    the 256 bits at once. `seed` is unsigned, of 64 bits.

    >>> light_generator(7).integers(100, size=3).tolist()
    [76, 90, 66]
    """
    sequence: Any = _Digest(seed)  # numpy takes any ISeedSequence; its types know only its own
    return np.random.Generator(np.random.PCG64(sequence))


def normals(seed: int, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Standard normal draws of a seed: a window of one table, read-only; no generator is born.

    Where the window begins is drawn by the seed, so each number of it has the table's distribution
    (2^17 draws: its distribution function is off from the normal one by .003 at most), and two
    numbers of a window are as independent as any two of the table. Windows of two seeds overlap
    rarely: of 65 draws for 3 searches, those of one in 300 pairs do (ADR 0019).

    >>> normals(7, (2, 3)).tolist() == normals(7, (2, 3)).tolist()
    True
    """
    size = shape[0] * shape[1]
    first = seed % (len(_NORMALS) - size)
    return _NORMALS[first : first + size].reshape(shape)


_NORMALS = generator(64).standard_normal(2**17)  # at once: 2 ms that no search waits for
_NORMALS.setflags(write=False)


class _Digest(ISeedSequence):
    """The 256 bits of a seed where numpy takes a seed sequence."""

    def __init__(self, seed: int) -> None:
        self._bits = hashlib.sha256(seed.to_bytes(8, "big")).digest()

    def generate_state(self, n_words: int, dtype: DTypeLike = np.uint32) -> NDArray[np.uint64]:
        """Four words of 64 bits, which is what PCG64 asks for."""
        return np.frombuffer(self._bits, "<u8", n_words)
