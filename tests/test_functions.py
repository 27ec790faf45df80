"""What torch's functions are called."""

import subprocess
import sys

import torch
from torch.overrides import get_overridable_functions, resolve_name

from tracer.pytorch.functions import _where_it_stands, qualified, short_name


def test_functions_are_found_where_torch_says_they_stand():
    functions = [func for found in get_overridable_functions().values() for func in found]
    found = {func: place for func in functions if (place := _where_it_stands(func)) is not None}
    assert len(found) > 1000
    for func, place in found.items():
        namespace = place.rpartition(".")[0]
        if short_name(func) != "sym_int":  # torch.nn.functional imports it
            assert resolve_name(func).rpartition(".")[0] == namespace


def test_the_names_users_know():
    assert qualified(torch.nn.functional.linear) == "torch.nn.functional.linear"
    assert qualified(torch.Tensor.T.__get__) == "torch.Tensor.T.__get__"
    assert qualified(torch.Tensor.__add__) == "torch.Tensor.__add__"
    assert qualified(torch.mm) == "torch.mm"
    assert qualified(test_the_names_users_know).endswith("test_functions.test_the_names_users_know")


def test_common_functions_need_none_of_torchs_tables():
    code = (
        "import torch, tracer, torch.overrides as o\n"
        "layer = torch.nn.Linear(2, 2)\n"
        "tracer.trace(lambda: (layer(torch.ones(1, 2)).relu().mT + 1).sum().backward())\n"
        "assert o._get_overridable_functions.cache_info().currsize == 0\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
