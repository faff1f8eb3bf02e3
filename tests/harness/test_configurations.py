from harness.configurations import Configuration, cross, level_text


def test_one_factor_names_its_configurations_by_level():
    assert [
        Configuration("float32", {"precision": "float32"}),
        Configuration("mixed_float16", {"precision": "mixed_float16"}),
    ] == list(cross({"precision": ["float32", "mixed_float16"]}))


def test_several_factors_are_crossed_in_the_written_order_with_the_last_one_fastest():
    names = [item.name for item in cross({"width": [1, 2], "precision": ["float32", "amp"]})]
    assert [
        "width=1,precision=float32",
        "width=1,precision=amp",
        "width=2,precision=float32",
        "width=2,precision=amp",
    ] == names


def test_no_factor_gives_one_configuration():
    assert [Configuration("only", {})] == list(cross({}))


def test_an_excluded_row_drops_every_combination_that_it_matches():
    names = [item.name for item in cross({"w": [1, 2, 3], "p": ["a", "b"]}, [{"w": 3, "p": "b"}, {"w": 1}])]
    assert ["w=2,p=a", "w=2,p=b", "w=3,p=a"] == names


def test_levels_are_written_as_a_command_line_has_them():
    assert ["true", "1", "0.001", "x", ""] == [level_text(level) for level in (True, 1, 1e-3, "x", "")]


def test_an_empty_level_still_has_a_name():
    assert ["(empty)", "--fast"] == [item.name for item in cross({"flags": ["", "--fast"]})]
