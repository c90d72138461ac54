"""Sources with one change at a time, made by Cosmic Ray."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import itertools
import re
from typing import TYPE_CHECKING, Any, Final

import cosmic_ray.mutating
import cosmic_ray.plugins

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# One replacement for each operator, and both directions of a border.
_OPERATORS: Final = re.compile(
    "AddNot|Replace(True|False|Break|Continue|And|Or)With|NumberReplacer|ExceptionReplacer"
    "|RemoveDecorator|ZeroIteration|Delete_Not|USub_UAdd"
    "|Binary.*_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|Pow_Mul|Mod_Mul|FloorDiv_Mul|BitOr_BitAnd|BitAnd_BitOr)$"
    "|Comparison.*_(Eq_NotEq|NotEq_Eq|Lt_LtE|Lt_GtE|Gt_GtE|Gt_LtE|LtE_Lt|LtE_Gt|GtE_Gt|GtE_Lt)$"
    "|Comparison.*_(Is_IsNot|IsNot_Is|In_NotIn|NotIn_In)$"
)
_DRAWN: Final = re.compile("_drawn|_pools|_samples")  # how often what is drawn is a matter of taste


@dataclasses.dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one change."""

    module: str
    line: int
    before: str
    after: str
    source: str = dataclasses.field(repr=False)

    @property
    def change(self) -> str:
        """The line and what has become of it, which name it."""
        return f"{self.module}: {self.before} => {self.after or '(gone)'}"


class _AtRunTime(ast.NodeTransformer):
    """What is left of a source when it runs: no annotations, and one way to say no."""

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        if "TYPE_CHECKING" in ast.unparse(node.test):
            return ast.Pass()
        return self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.UnaryOp(ast.Not(), ast.Compare(left, [operator], right)) if (
                type(operator) in _NEGATED
            ):
                return ast.Compare(left, [_NEGATED[type(operator)]()], right)
        return node


_NEGATED: Final[dict[type, type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn,
    ast.NotIn: ast.In, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
}  # fmt: skip


def _at_run_time(source: str) -> str:
    return ast.dump(_AtRunTime().visit(ast.parse(source)))


def _sources(source: str, operator: Any) -> Iterator[str]:
    """What an operator makes of a source, one change each."""
    for number in itertools.count():
        try:
            changed = cosmic_ray.mutating.mutate_code(source, operator, number)
        except AttributeError:  # it does not know exceptions with a dot in their name
            continue
        if changed is None:
            return
        yield changed


def mutants_of(path: Path) -> list[Mutant]:
    """Every change to a module that means something when it runs, once."""
    source = path.read_text()
    seen, found = {_at_run_time(source)}, list[Mutant]()
    for name in cosmic_ray.plugins.operator_names():
        if not _OPERATORS.search(name) or ("Number" in name and _DRAWN.match(path.stem)):
            continue
        for changed in _sources(source, cosmic_ray.plugins.get_operator(name)()):
            try:
                meaning = _at_run_time(changed)
            except SyntaxError:
                continue
            if meaning in seen:
                continue
            seen.add(meaning)
            mutant = _mutant(path.stem, source, changed)
            if not ("*," in mutant.before and "/," in mutant.after):  # no product, but a signature
                found.append(mutant)
    return found


def _mutant(module: str, source: str, changed: str) -> Mutant:
    lines, others = source.splitlines(), changed.splitlines()
    matcher = difflib.SequenceMatcher(None, lines, others, autojunk=False)
    _, begin, end, other_begin, other_end = next(
        each for each in matcher.get_opcodes() if each[0] != "equal"
    )
    before, after = lines[begin:end], others[other_begin:other_end]
    return Mutant(module, end, _joined(before), _joined(after), changed)


def _joined(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())
