"""Row locks leave keys free: a lock on a row's key makes every insert that refers to the row wait, and nodes wait in circles."""

import ast

from tests.guards.source import modules, tree, where


def test_every_row_lock_leaves_the_rows_key_free() -> None:
    wrong, found = [], 0
    for path in modules("service"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "with_for_update":
                found += 1
                free = any(
                    keyword.arg == "key_share" and isinstance(keyword.value, ast.Constant) and keyword.value.value is True
                    for keyword in node.keywords
                )
                if not free:
                    wrong.append(where(path, node.lineno))
    assert found
    assert not wrong, f"lock with key_share=True (FOR NO KEY UPDATE): {', '.join(wrong)}"
