"""What a program prints on an input, computed from the tree: no compiler is needed to make a task.

The meaning is that of C++ with 32-bit integers, within narrower bounds: a program that leaves them (a value beyond
10^9, a division by zero, an element that does not exist, input that runs out) is stopped, so that no test rests on
undefined behaviour. Nodes become Python closures once; trees that share nodes share closures, which makes running
hundreds of near copies of a program cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stepgym.envs.programs.evaluating import Expressions
from stepgym.envs.programs.run import (
    MOST_TURNS,
    BreakSignal,
    EndlessError,
    Execute,
    ReturnSignal,
    Run,
    UndefinedError,
    Variables,
)
from stepgym.envs.programs.tree import (
    Append,
    Arith,
    Assign,
    Block,
    Break,
    Compare,
    Declare,
    Define,
    DefineVector,
    For,
    ForEach,
    If,
    Item,
    Name,
    Number,
    Print,
    Program,
    Read,
    Rearrange,
    Return,
    Statement,
    Step,
    Swap,
    While,
    type_of,
)


class Interpreter(Expressions):
    """Runs programs; keep one for all variants of a program, which then share what they have in common."""

    def run(self, program: Program, tokens: Sequence[str]) -> Run:
        """The finished run on these input tokens; raises `UndefinedError` or `EndlessError`."""
        functions = {
            function.name: (tuple(name for _, name in function.parameters), self._block(function.body))
            for function in program.functions
        }
        run = Run(tokens, functions)
        self._block(program.body)({}, run)
        return run

    def _block(self, block: Block) -> Execute:
        steps = tuple([self._statement(statement) for statement in block])
        if len(steps) == 1:
            return steps[0]

        def execute(variables: Variables, run: Run) -> None:
            for step in steps:
                step(variables, run)

        return execute

    def _statement(self, node: Statement) -> Execute:
        known = self._made.get(id(node))
        if known is None:
            known = self._made[id(node)] = (node, _STATEMENTS[type(node)](self, node))
        made: Execute = known[1]
        return made

    def _declare(self, node: Declare) -> Execute:
        names = node.names

        def execute(variables: Variables, run: Run) -> None:
            for name in names:
                variables.pop(name, None)

        return execute

    def _define(self, node: Define) -> Execute:
        name = node.name
        if node.value is None:
            empty: Callable[[], Any] = str if node.type == "string" else list
            return lambda variables, run: variables.__setitem__(name, empty())
        value, copied = self.expression(node.value), node.type == "vector<int>"

        def execute(variables: Variables, run: Run) -> None:
            result = value(variables, run)
            variables[name] = list(result) if copied else result

        return execute

    def _define_vector(self, node: DefineVector) -> Execute:
        name, size = node.name, self.expression(node.size)
        fill = self.expression(Number(0) if node.fill is None else node.fill)

        def execute(variables: Variables, run: Run) -> None:
            count = size(variables, run)
            if not 0 <= count <= MOST_TURNS:
                raise UndefinedError("a vector of this size")
            variables[name] = [fill(variables, run)] * count

        return execute

    def _read(self, node: Read) -> Execute:
        stores = [(self._store(target), type_of(target)) for target in node.targets]

        def execute(variables: Variables, run: Run) -> None:
            for store, kind in stores:
                if run.position >= len(run.tokens):
                    raise UndefinedError("the input runs out")
                token = run.tokens[run.position]
                run.position += 1
                store(variables, run, int(token) if kind == "int" else token)

        return execute

    def _assign(self, node: Assign) -> Execute:
        value, store = self.expression(node.value), self._store(node.target)
        if node.op != "=":
            value = self.arith(Arith(node.op[0], node.target, node.value))
        return lambda variables, run: store(variables, run, value(variables, run))

    def _step(self, node: Step) -> Execute:
        value, store = self.arith(Arith("+", node.target, Number(node.by))), self._store(node.target)
        return lambda variables, run: store(variables, run, value(variables, run))

    def _store(self, target: Name | Item) -> Callable[[Variables, Run, Any], None]:
        if isinstance(target, Name):
            name = target.name
            return lambda variables, run, value: variables.__setitem__(name, value)
        base, index, key = self.name(target.base), self.expression(target.index), target.base.name

        def store(variables: Variables, run: Run, value: Any) -> None:
            values, place = base(variables, run), index(variables, run)
            if not 0 <= place < len(values):
                raise UndefinedError("an element that does not exist")
            if isinstance(values, str):
                variables[key] = values[:place] + value + values[place + 1 :]
            else:
                values[place] = value

        return store

    def _if(self, node: If) -> Execute:
        cases = [(self.expression(case.condition), self._block(case.body)) for case in node.cases]
        otherwise, mark = self._block(node.otherwise), id(node)

        def execute(variables: Variables, run: Run) -> None:
            for number, (condition, body) in enumerate(cases):
                if condition(variables, run):
                    run.covered.add((mark, number))
                    return body(variables, run)
            run.covered.add((mark, -1))
            return otherwise(variables, run)

        return execute

    def _for(self, node: For) -> Execute:
        counter = Name(node.name)
        first, body = self.expression(node.first), self._block(node.body)
        goes_on = self.compare(Compare(node.compare, counter, node.last))
        name, step, mark = node.name, node.step, id(node)

        def execute(variables: Variables, run: Run) -> None:
            variables[name] = first(variables, run)
            before = run.turns
            while goes_on(variables, run):
                run.turns -= 1
                if run.turns < 0:
                    raise EndlessError
                try:
                    body(variables, run)
                except BreakSignal:
                    break
                variables[name] += step
            run.covered.add((mark, min(2, before - run.turns)))
            del variables[name]

        return execute

    def _for_each(self, node: ForEach) -> Execute:
        over, body, name, mark = self.name(node.over), self._block(node.body), node.name, id(node)

        def execute(variables: Variables, run: Run) -> None:
            values = over(variables, run)
            run.covered.add((mark, min(2, len(values))))
            for value in values:
                run.turns -= 1
                if run.turns < 0:
                    raise EndlessError
                variables[name] = value
                try:
                    body(variables, run)
                except BreakSignal:
                    break
            variables.pop(name, None)

        return execute

    def _while(self, node: While) -> Execute:
        condition, body, mark = self.expression(node.condition), self._block(node.body), id(node)

        def execute(variables: Variables, run: Run) -> None:
            before = run.turns
            while condition(variables, run):
                run.turns -= 1
                if run.turns < 0:
                    raise EndlessError
                try:
                    body(variables, run)
                except BreakSignal:
                    break
            run.covered.add((mark, min(2, before - run.turns)))

        return execute

    def _print(self, node: Print) -> Execute:
        parts, ending = [self.expression(part) for part in node.parts], "\n" if node.newline else ""

        def execute(variables: Variables, run: Run) -> None:
            run.out.extend([str(part(variables, run)) for part in parts])
            run.out.append(ending)

        return execute

    def _break(self, node: Break) -> Execute:
        def execute(variables: Variables, run: Run) -> None:
            raise BreakSignal

        return execute

    def _return(self, node: Return) -> Execute:
        value = self.expression(node.value)

        def execute(variables: Variables, run: Run) -> None:
            raise ReturnSignal(value(variables, run))

        return execute

    def _append(self, node: Append) -> Execute:
        vector, value = self.name(node.vector), self.expression(node.value)
        return lambda variables, run: vector(variables, run).append(value(variables, run))

    def _swap(self, node: Swap) -> Execute:
        left, right = self.expression(node.left), self.expression(node.right)
        to_left, to_right = self._store(node.left), self._store(node.right)

        def execute(variables: Variables, run: Run) -> None:
            one, other = left(variables, run), right(variables, run)
            to_left(variables, run, other)
            to_right(variables, run, one)

        return execute

    def _rearrange(self, node: Rearrange) -> Execute:
        base, store = self.name(node.base), self._store(node.base)
        change: Callable[[Any], Any] = sorted if node.how == "sort" else lambda values: list(reversed(values))

        def execute(variables: Variables, run: Run) -> None:
            values = base(variables, run)
            changed = change(values)
            store(variables, run, "".join(changed) if isinstance(values, str) else changed)

        return execute


_STATEMENTS: Mapping[type, Callable[[Interpreter, Any], Execute]] = {
    Declare: Interpreter._declare,
    Define: Interpreter._define,
    DefineVector: Interpreter._define_vector,
    Read: Interpreter._read,
    Assign: Interpreter._assign,
    Step: Interpreter._step,
    If: Interpreter._if,
    For: Interpreter._for,
    ForEach: Interpreter._for_each,
    While: Interpreter._while,
    Print: Interpreter._print,
    Break: Interpreter._break,
    Return: Interpreter._return,
    Append: Interpreter._append,
    Swap: Interpreter._swap,
    Rearrange: Interpreter._rearrange,
}

__all__ = ["EndlessError", "Interpreter", "UndefinedError"]
