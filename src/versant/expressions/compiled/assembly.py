"""Writing LLVM IR as text: vectors of one width, one instruction a call.

A value is the text that names it: ``%v12``, or a constant such as ``splat (double 0x3FF0000000000000)``. Products and
sums may be contracted to fused multiply-adds, as nothing in a learner relies on their being rounded separately; where
an algorithm does, it asks for `exact` instructions.
"""

from __future__ import annotations

import struct

__all__ = ["Assembly", "Value"]

Value = str


class Assembly:
    """Instructions of one function, in order.

    Parameters
    ----------
    width : int
        Lanes of a vector.
    fused : bool
        Whether the machine has fused multiply-add instructions.
    avx512 : bool
        Whether vectors are registers of AVX-512, which has approximate reciprocals and permutations of two registers.
    """

    def __init__(self, width: int, fused: bool = True, avx512: bool = False) -> None:
        self.width = width
        self.fused = fused
        self.avx512 = avx512
        self.real = f"<{width} x double>"
        self.bits = f"<{width} x i64>"
        self.int = f"<{width} x i32>"
        self.bool = f"<{width} x i1>"
        self.lines: list[str] = []
        self.block = "entry"
        self.declared: dict[str, str] = {}
        self.helpers: dict[str, str] = {}
        self._count = 0

    def fresh(self, stem: str = "v") -> str:
        """Return a name that is not used yet."""
        self._count += 1
        return f"{stem}{self._count}"

    def emit(self, instruction: str) -> Value:
        """Append an instruction that has a result; return the result."""
        name = f"%{self.fresh()}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def act(self, instruction: str) -> None:
        """Append an instruction that has no result."""
        self.lines.append(f"  {instruction}")

    def start(self, block: str) -> None:
        """Begin a basic block."""
        self.lines.append(f"{block}:")
        self.block = block

    def declare(self, name: str, declaration: str) -> str:
        """Declare an outside function once; return its name."""
        self.declared[name] = f"declare {declaration}"
        return name

    @staticmethod
    def number(number: float) -> str:
        """Return a scalar double as IR spells it, exactly."""
        return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"

    def constant(self, number: float) -> Value:
        """Return a vector filled with a real number."""
        return f"splat (double {self.number(number)})"

    def whole(self, number: int) -> Value:
        """Return a vector filled with a 64-bit integer."""
        return f"splat (i64 {number})"

    def binary(self, op: str, a: Value, b: Value, exact: bool = False) -> Value:
        """``fadd``, ``fsub``, ``fmul`` or ``fdiv`` of reals."""
        return self.emit(f"{op} {'' if exact else 'contract '}{self.real} {a}, {b}")

    def add(self, a: Value, b: Value, exact: bool = False) -> Value:
        """a + b."""
        return self.binary("fadd", a, b, exact)

    def sub(self, a: Value, b: Value, exact: bool = False) -> Value:
        """a - b."""
        return self.binary("fsub", a, b, exact)

    def mul(self, a: Value, b: Value, exact: bool = False) -> Value:
        """a * b."""
        return self.binary("fmul", a, b, exact)

    def div(self, a: Value, b: Value) -> Value:
        """a / b."""
        return self.binary("fdiv", a, b)

    def neg(self, a: Value) -> Value:
        """-a."""
        return self.emit(f"fneg {self.real} {a}")

    def muladd(self, a: Value, b: Value, c: Value) -> Value:
        """a * b + c, rounded once if the machine can."""
        if not self.fused:
            return self.add(self.mul(a, b, exact=True), c, exact=True)
        return self.intrinsic("fma", a, b, c)

    def intrinsic(self, name: str, *args: Value) -> Value:
        """Call an LLVM intrinsic on real vectors."""
        return self.call(f"{name}.v{self.width}f64", *((self.real, a) for a in args))

    def call(self, name: str, *operands: tuple[str, Value]) -> Value:
        """Call any LLVM intrinsic that returns a real vector; operands with their types."""
        full = f"@llvm.{name}"
        self.declare(full, f"{self.real} {full}({', '.join(kind for kind, _ in operands)})")
        return self.emit(f"call {self.real} {full}({', '.join(f'{kind} {value}' for kind, value in operands)})")

    def gather(self, pointers: Value) -> Value:
        """Read one real a lane: one instruction where the machine has it, else a load each."""
        if self.avx512:
            mask = (f"<{self.width} x i1>", "splat (i1 true)")
            name = f"masked.gather.v{self.width}f64.v{self.width}p0"
            return self.call(name, (f"<{self.width} x ptr>", pointers), ("i32", "8"), mask, (self.real, "poison"))
        result = "poison"
        for lane in range(self.width):
            number = self.emit(f"load double, ptr {self._lane(pointers, lane)}, align 8")
            result = self.emit(f"insertelement {self.real} {result}, double {number}, i64 {lane}")
        return result

    def scatter(self, value: Value, pointers: Value) -> None:
        """Write one real a lane."""
        if self.avx512:
            name = f"@llvm.masked.scatter.v{self.width}f64.v{self.width}p0"
            kinds = (self.real, f"<{self.width} x ptr>", "i32", self.bool)
            self.declare(name, f"void {name}({', '.join(kinds)})")
            self.act(
                f"call void {name}({self.real} {value}, {kinds[1]} {pointers}, i32 8, {self.bool} splat (i1 true))"
            )
            return
        for lane in range(self.width):
            number = self.emit(f"extractelement {self.real} {value}, i64 {lane}")
            self.act(f"store double {number}, ptr {self._lane(pointers, lane)}, align 8")

    def _lane(self, pointers: Value, lane: int) -> Value:
        return self.emit(f"extractelement <{self.width} x ptr> {pointers}, i64 {lane}")

    def compare(self, relation: str, a: Value, b: Value) -> Value:
        """Compare reals: ``oge``, ``ogt``, ``olt``, ``oeq``, ``uno`` …."""
        return self.emit(f"fcmp {relation} {self.real} {a}, {b}")

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        """`a` where the condition holds, else `b`."""
        return self.emit(f"select {self.bool} {condition}, {self.real} {a}, {self.real} {b}")

    def larger(self, a: Value, b: Value) -> Value:
        """max(a, b); b if either is NaN. One instruction on x86."""
        return self.select(self.compare("ogt", a, b), a, b)

    def smaller(self, a: Value, b: Value) -> Value:
        """min(a, b); b if either is NaN."""
        return self.select(self.compare("olt", a, b), a, b)

    def as_bits(self, a: Value) -> Value:
        """The 64 bits of each real."""
        return self.emit(f"bitcast {self.real} {a} to {self.bits}")

    def from_bits(self, a: Value) -> Value:
        """The reals that these bits are."""
        return self.emit(f"bitcast {self.bits} {a} to {self.real}")

    def integer(self, op: str, a: Value, b: Value) -> Value:
        """``add``, ``sub``, ``shl``, ``lshr``, ``and``, ``or`` … of 64-bit integers."""
        return self.emit(f"{op} {self.bits} {a}, {b}")

    def logic(self, op: str, a: Value, b: Value) -> Value:
        """``and``, ``or``, ``xor`` of truth values."""
        return self.emit(f"{op} {self.bool} {a}, {b}")

    def any(self, condition: Value) -> Value:
        """Whether the condition holds in some lane."""
        bits = self.emit(f"bitcast {self.bool} {condition} to i{self.width}")
        return self.emit(f"icmp ne i{self.width} {bits}, 0")

    def outside(self, x: Value, exponent: int) -> Value:
        """Whether a real is not within 2^-exponent .. 2^exponent: smaller, larger, zero, negative or NaN."""
        above = self.integer("sub", self.as_bits(x), self.whole((1023 - exponent) << 52))
        return self.emit(f"icmp ugt {self.bits} {above}, {self.whole(2 * exponent << 52)}")

    def splat(self, kind: str, scalar: Value) -> Value:
        """Return a vector filled with a scalar of an integer type."""
        vector = f"<{self.width} x {kind}>"
        first = self.emit(f"insertelement {vector} poison, {kind} {scalar}, i64 0")
        return self.emit(f"shufflevector {vector} {first}, {vector} poison, <{self.width} x i32> zeroinitializer")
