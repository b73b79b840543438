"""Work on its way to other processes: packed once, sent once, opened once.

Contents are packed into plain bytes, not handed to Dask as objects: arrays then come out in memory
of their own, aligned and writeable as they were, so that compiled code runs the same and sums end
in the same bits. Tensors of a graphics card come out on the card of whoever opens the parcel, or on
its processor where it has none.

PyTorch is only spoken to where something else has loaded it: loading takes seconds, and a batch of
notebooks needs it in their kernels alone.
"""

from __future__ import annotations

import io
import pickle
import sys
import threading
from typing import TYPE_CHECKING, Any

import cloudpickle

from seisnb.threads import Portable, stay_single_threaded

if TYPE_CHECKING:
    from torch import Tensor


class Parcel:
    """A part of some work: bytes while it travels, an object where it is used.

    Parameters
    ----------
    content : bytes
        Of :func:`packed`.
    """

    def __init__(self, content: bytes) -> None:
        self._content: bytes | None = content
        self._n_bytes = len(content)
        self._lock = threading.Lock()
        self._value: Any = None
        self._shared: tuple[object, ...] = ()

    def opened(self, shared: tuple[object, ...] = ()) -> Any:
        """What is in it, the same object at every call; ``shared`` as it was packed with."""
        with self._lock:
            if self._content is not None:
                self._value, self._shared = unpacked(self._content, shared), shared
                self._content = None
            return self._value

    def __reduce__(self) -> tuple[type[Parcel], tuple[bytes]]:
        """Between two workers, too, it travels as bytes."""
        with self._lock:
            content = self._content
            return Parcel, (packed(self._value, self._shared) if content is None else content,)

    def __sizeof__(self) -> int:
        """What the workers' bookkeeping shall count."""
        return self._n_bytes


def packed(value: object, shared: tuple[object, ...] = ()) -> bytes:
    """A value as bytes; wherever it holds one of the ``shared`` objects, only that one's number."""
    stream = io.BytesIO()
    _Pickler(stream, shared).dump(value)
    return stream.getvalue()


def unpacked(content: bytes, shared: tuple[object, ...] = ()) -> Any:
    """The value back."""
    return _Unpickler(io.BytesIO(content), shared).load()


def do(item: object, parcel: Parcel, shared: list[Parcel]) -> bytes:
    """One item of the work in a parcel: what Dask's workers are asked for."""
    work: Portable[Any, Any] = parcel.opened(tuple(each.opened() for each in shared))
    stay_single_threaded()
    return packed(work(item, _never))


def _never() -> bool:
    """Who waits for the result may cancel; who works on it does not hear of it."""
    return False


class _Pickler(cloudpickle.Pickler):
    """Leaves out what is shared; lets tensors find the device of the other side."""

    def __init__(self, stream: io.BytesIO, shared: tuple[object, ...]) -> None:
        super().__init__(stream)
        self._number = {id(each): number for number, each in enumerate(shared)}

    def persistent_id(self, value: object) -> int | None:
        return self._number.get(id(value))

    def reducer_override(self, value: Any) -> Any:
        # another thread may be loading PyTorch: until that is done nobody has a tensor
        tensor = getattr(sys.modules.get("torch"), "Tensor", None)
        if tensor is not None and type(value) is tensor:
            array = value.detach().cpu().numpy()
            return _tensor, (array, value.is_cuda, value.requires_grad)
        return super().reducer_override(value)


class _Unpickler(pickle.Unpickler):
    """Puts back what is shared."""

    def __init__(self, stream: io.BytesIO, shared: tuple[object, ...]) -> None:
        super().__init__(stream)
        self._shared = shared

    def persistent_load(self, number: int) -> object:
        return self._shared[number]


def _tensor(array: Any, is_cuda: bool, requires_grad: bool) -> Tensor:
    """A tensor from its numbers."""
    import torch

    tensor = torch.from_numpy(array)
    if is_cuda and torch.cuda.is_available():
        tensor = tensor.cuda()
    return tensor.requires_grad_(requires_grad)
