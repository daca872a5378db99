"""Each law of the house has a test that names it."""

import ast

from tests.guards.source import dotted, modules, tree

LAWS = range(1, 13)


def test_every_law_has_a_test() -> None:
    named: set[int] = set()
    for path in modules("tests"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name.startswith(("test_", "Test")):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and dotted(mark.func) == "pytest.mark.law":
                        named |= {
                            argument.value for argument in mark.args if isinstance(argument, ast.Constant) and type(argument.value) is int
                        }
    assert named <= set(LAWS), f"there is no law {sorted(named - set(LAWS))}"
    assert named == set(LAWS), f"no test is marked @pytest.mark.law(N) for N in {sorted(set(LAWS) - named)}"
