"""The machine that code is made for: which CPU, how many lanes a vector has, and IR → object code."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import llvmlite
import llvmlite.binding as llvm

__all__ = ["Machine", "host"]

_NARROW, _WIDE = 2, 8


@dataclass(frozen=True)
class Machine:
    """A target of compilation.

    Parameters
    ----------
    triple, cpu, features : str
        As LLVM names them.
    width : int
        Lanes of a vector; twice the hardware's interleaves two groups.
    fused : bool
        Whether there are fused multiply-adds.
    avx512 : bool
        Whether vectors are registers of AVX-512.
    """

    triple: str
    cpu: str
    features: str
    width: int
    fused: bool
    avx512: bool = False

    @property
    def attributes(self) -> str:
        """Attributes of every function; the stack is aligned, as vectors on it would else straddle cache lines."""
        bits = min(64 * self.width, 512)
        sizes = f'"prefer-vector-width"="{bits}" "min-legal-vector-width"="{bits}"'
        return f'nounwind "frame-pointer"="all" "stackrealign" "no-trapping-math"="true" {sizes}'

    @property
    def identity(self) -> str:
        """What object code for this machine depends on besides the IR."""
        versions = f"llvmlite {llvmlite.__version__}, LLVM {'.'.join(map(str, llvm.llvm_version_info))}"
        return "\n".join([versions, self.triple, self.cpu, self.features])

    def compile(self, assembly: str) -> bytes:
        """Return the object code of a module given as text."""
        target = self._target()
        return bytes(target.emit_object(self._module(assembly, target)))

    def listing(self, assembly: str) -> str:
        """Return the machine code of a module given as text, as text."""
        target = self._target()
        return str(target.emit_assembly(self._module(assembly, target)))

    def _module(self, assembly: str, target: llvm.TargetMachine) -> llvm.ModuleRef:
        module = llvm.parse_assembly(assembly)
        module.triple = self.triple
        module.data_layout = str(target.target_data)
        module.verify()
        return module

    def load(self, code: bytes) -> Loaded:
        """Put object code into memory, ready to be called."""
        # the small code model needs code and constants close together: this memory manager takes one block for both
        # (and none for calls of outside functions, of which there are none)
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), self._target(), use_lmm=True)
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        return Loaded(engine)

    def _target(self) -> llvm.TargetMachine:
        _initialise()
        target = llvm.Target.from_triple(self.triple)
        return target.create_target_machine(cpu=self.cpu, features=self.features, opt=3, reloc="pic", codemodel="small")


@dataclass(frozen=True)
class Loaded:
    """Machine code in memory; it lives as long as its engine."""

    engine: llvm.ExecutionEngine

    def address(self, function: str) -> int:
        """Return where a function begins."""
        address = int(self.engine.get_function_address(function))
        if not address:
            raise LookupError(f"the object code has no function {function!r}")
        return address


@cache
def _initialise() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def host(width: int | None = None) -> Machine:
    """Return this machine, with the widest vectors it has, or with the width given."""
    triple, features = llvm.get_process_triple(), _features()
    cpu = llvm.get_host_cpu_name()
    if width is None:
        width = _widest(triple, features)
    fused = features.get("fma", False) or not triple.startswith(("x86_64", "i686"))
    listed = ",".join(("+" if on else "-") + name for name, on in sorted(features.items()))
    return Machine(triple, cpu, listed, width, fused, avx512=width == _WIDE and _has_avx512(features))


@cache
def _features() -> dict[str, bool]:
    _initialise()
    return dict(llvm.get_host_cpu_features())


def _has_avx512(features: dict[str, bool]) -> bool:
    return all(features.get(f) for f in ("avx512f", "avx512vl", "avx512bw", "avx512dq"))


def _widest(triple: str, features: dict[str, bool]) -> int:
    if _has_avx512(features):
        return _WIDE
    if features.get("avx2") and features.get("fma"):
        return 4
    return _NARROW
