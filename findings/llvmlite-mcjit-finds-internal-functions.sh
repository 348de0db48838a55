#!/usr/bin/env bash
# llvmlite 0.50.0 (LLVM 22, x86-64 Linux), its MCJIT engine.
#
# A function of internal linkage is its module's own: another module may have a function of that name. The loader of the
# MCJIT engine finds it by name all the same: where a later module defines the name as linkonce_odr, its calls go to the
# internal function of the earlier module, with whatever body and parameters LLVM has left that one. With an external
# definition in the later module, or another name, they go to its own.
#
# Seen: "internal, then linkonce_odr: 1 1", "internal, then external: 1 2", "another name: 1 2".
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check llvmlite==0.50.0
"$work/venv/bin/python" - <<'PY' | tee "$work/seen"
from ctypes import CFUNCTYPE, c_int64

import llvmlite.binding as llvm

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()


def module(linkage, name, caller, number):
    made = llvm.parse_assembly(f"""
        define {linkage} i64 @{name}() noinline {{
          ret i64 {number}
        }}
        define i64 @{caller}() {{
          %r = call i64 @{name}()
          ret i64 %r
        }}
    """)
    made.verify()
    return made


def outcome(linkage, name):
    machine = llvm.Target.from_default_triple().create_target_machine(opt=0, jit=True)
    engine = llvm.create_mcjit_compiler(module("internal", "number", "first", 1), machine)
    engine.finalize_object()
    found = [CFUNCTYPE(c_int64)(engine.get_function_address("first"))()]
    engine.add_module(module(linkage, name, "second", 2))
    engine.finalize_object()
    found.append(CFUNCTYPE(c_int64)(engine.get_function_address("second"))())
    return found


print("internal, then linkonce_odr:", *outcome("linkonce_odr", "number"))
print("internal, then external:", *outcome("", "number"))
print("another name:", *outcome("linkonce_odr", "other"))
PY
grep -qx "internal, then linkonce_odr: 1 1" "$work/seen"
grep -qx "internal, then external: 1 2" "$work/seen"
grep -qx "another name: 1 2" "$work/seen"
