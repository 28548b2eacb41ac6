#!/usr/bin/env python3
"""Each rule of check_layers.py can fail: a small clean tree, broken in one way at a time."""

import io
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
import check_layers  # noqa: E402
import tap  # noqa: E402

LOOP = """
foreach w : {0}
    declarations += 'extern const struct {1} @0@_{1};\\n'.format(w)
endforeach
"""


def registry(name, struct, *words):
    return f"{name} = [{', '.join(repr(w) for w in words)}]\n" + LOOP.format(name, struct)


CLEAN = {
    "src/main.c": '#include "app.h"\n#include "cli/command.h"\nint main(void) { exit(0); }\n',
    "src/app.h": '#include "sessions/store.h"\n#include "profiler/worker.h"\n',
    "src/app_runs.c": '#include "app.h"\n',
    "src/base/err.h": "/* exit( and printf( in a comment */\n",
    "src/base/json.c": '#include <jansson.h>\n#include "base/err.h"\nvoid f(void) { abort(); }\n',
    "src/base/sha256.c": "#include <nettle/sha2.h>\n",
    "src/base/pool.c": "static pthread_mutex_t lock;\n",
    "src/tensor/tensor.h": '#include "base/err.h"\nint t __attribute__((format(printf, 1, 2)));\n',
    "src/image/png.c": '#include <png.h>\n#include "tensor/tensor.h"\n',
    "src/image/jpeg.c": "#include <jpeglib.h>\n",
    "src/kernels/op.h": '#include "tensor/tensor.h"\n',
    "src/kernels/cpu/cpu.c": '#include <cblas.h>\n'
                             'const struct backend cpu_backend = { "cblas_sgemm" };\n',
    "src/kernels/cuda/cuda.cu": "#include <cuda_runtime.h>\n",
    "src/reduce/l2.c": "const struct method l2_method = { 0 };\n",
    "src/reduce/method.h": "extern const struct method l2_method;\n",
    "src/models/family.h": '#include "kernels/op.h"\n',
    "src/cli/command.h": '#include "app.h"\n',
    "src/cli/run.c": 'void f(void) { printf("x"); fprintf(stderr, "x"); }\n',
    "profiler/run.h": '#include "models/family.h"\n',
    "profiler/metric.h": "",
    "profiler/worker.h": '#include "profiler/run.h"\n',
    "profiler/worker.c": '#include "profiler/worker.h"\nvoid f(void) { _exit(127); }\n',
    "profiler/probe_cupti.c": "#include <cupti.h>\n",
    "sessions/store.h": '#include "profiler/run.h"\n#include "profiler/metric.h"\n',
    "sessions/session.h": "",
    "sessions/compare.h": "",
    "sessions/store.c": '#include <sqlite3.h>\n#include "sessions/store.h"\n',
    "sessions/export_csv.c": "const struct exporter csv_exporter = { 0 };\n"
                             "void f(FILE *out) { fprintf(out, \"x\"); fputs(\"printf(\", out); }\n",
    "ui/term.c": "#include <curses.h>\n#include <termios.h>\n",
    "ui/views/explore.c": '#include "app.h"\n#include "sessions/session.h"\n'
                          '#include "profiler/metric.h"\n#include "base/err.h"\n',
    "src/kernels/meson.build": "backends = ['cpu'] # 'none' is not one\n"
                               + LOOP.format("backends", "backend"),
    "src/reduce/meson.build": registry("methods", "method", "l2"),
    "sessions/meson.build": registry("exporters", "exporter", "csv"),
    **{f"{room}/README.md": "" for room in check_layers.ROOM_FOLDERS},
}
for room in check_layers.ROOM_FOLDERS:
    CLEAN.setdefault(f"{room}/meson.build", "")

# (name of the rule or its beginning, what the violation says, {file: its new text or None})
BREAKS = [
    ("every source file", "src/extra/x.c: no room", {"src/extra/x.c": ""}),
    ("every source file", "src/other.c: no room", {"src/other.c": ""}),
    ("includes point leftward", "src/base/err.h:2: base includes src/tensor/tensor.h",
     {"src/base/err.h": '\n#include "tensor/tensor.h"\n'}),
    ("includes point leftward", "src/models/family.h:1: models includes profiler/run.h",
     {"src/models/family.h": '#include "profiler/run.h"\n'}),
    ("includes point leftward", "src/cli/run.c:1: cli includes ui/canvas.h",
     {"src/cli/run.c": '#include "ui/canvas.h"\n', "ui/canvas.h": ""}),
    ("includes point leftward", "src/app.h:1: app includes src/cli/command.h",
     {"src/app.h": '#include "cli/command.h"\n'}),
    ("includes point leftward", "sessions/store.c:3: sessions includes src/app.h",
     {"sessions/store.c": "/*\n*/\n#  include \"app.h\"\n"}),
    ("includes of the project", '"method.h" names no header',
     {"src/reduce/l2.c": '#include "method.h"\nconst struct method l2_method = { 0 };\n'}),
    ("includes of the project", '"tests/check.h" names no header',
     {"src/app_runs.c": '#include "tests/check.h"\n'}),
    ("includes of the project", "climbs", {"src/app_runs.c": '#include "base/../app.h"\n'}),
    ("includes of the project", "<base/err.h> is ours",
     {"src/app_runs.c": "#include <base/err.h>\n"}),
    ("of the profiler, sessions", "sessions includes profiler/worker.h",
     {"sessions/store.c": '#include "profiler/worker.h"\n'}),
    ("ui sees", "ui/term.c:1: ui includes sessions/store.h",
     {"ui/term.c": '#include "sessions/store.h"\n'}),
    ("ui sees", "ui includes src/tensor/tensor.h", {"ui/term.c": '#include "tensor/tensor.h"\n'}),
    ("kernels never", "src/kernels/op.h:1: kernels includes profiler/run.h",
     {"src/kernels/op.h": '#include "profiler/run.h"\n'}),
    ("curses", "<ncurses.h>", {"ui/canvas.c": "#include <ncurses.h>\n"}),
    ("SQLite", "<sqlite3.h>", {"src/app_runs.c": "#include <sqlite3.h>\n"}),
    ("jansson", "<jansson.h>", {"profiler/worker.c": "#include <jansson.h>\n"}),
    ("nettle", "<nettle/sha2.h>", {"sessions/store.c": "#include <nettle/sha2.h>\n"}),
    ("libpng", "<png.h>", {"ui/picture.c": "#include <png.h>\n"}),
    ("libpng", "<jpeglib.h>", {"src/tensor/t.c": "#include <stdio.h>\n#include <jpeglib.h>\n"}),
    ("zlib", "<zlib.h>", {"src/text/bpe.c": "#include <zlib.h>\n"}),
    ("libunistring", "<uninorm.h>", {"src/text/labels.c": "#include <uninorm.h>\n"}),
    ("BLAS at home", "<cblas.h>", {"src/kernels/op.c": "#include <cblas.h>\n"}),
    ("BLAS at home", "<oneapi/dnnl/dnnl.h>", {"src/app_runs.c": "#include <oneapi/dnnl/dnnl.h>\n"}),
    ("CUDA", "<cuda_runtime.h>", {"src/kernels/op.c": "#include <cuda_runtime.h>\n"}),
    ("CUDA", "<cupti.h>", {"profiler/worker.c": "#include <cupti.h>\n"}),
    ("names of BLAS", "src/app_runs.c:2: cblas_sgemm",
     {"src/app_runs.c": '\nchar *s = "cblas_sgemm";\n'}),
    ("names of BLAS", "openblas_get_corename", {"src/app_runs.c": "openblas_get_corename();\n"}),
    ("locks", "ui/term.c:1: pthread_mutex_lock", {"ui/term.c": "pthread_mutex_lock(&m);\n"}),
    ("exit()", "src/tensor/t.c:2: exit()", {"src/tensor/t.c": '/* " */\nf() { exit (1); }\n'}),
    ("abort()", "ui/term.c:1: abort()", {"ui/term.c": "f() { abort(); }\n"}),
    ("printing", "src/base/err.h:1: printf()", {"src/base/err.h": 'f() { printf("x"); }\n'}),
    ("printing", "ui/term.c:1: fprintf()", {"ui/term.c": 'fprintf(stderr, "x");\n'}),
    ("printing", "ui/term.c:1: fputs()", {"ui/term.c": 'fputs("x", stdout);\n'}),
    ("no constructor", "src/reduce/method.h:1", {
        "src/reduce/method.h": "__attribute__((used, constructor)) static void f(void);\n"}),
    ("every room", "ui: no README.md", {"ui/README.md": None}),
    ("every room", "src/cli: no meson.build", {"src/cli/meson.build": None}),
    ("registry methods", "l2 is not in methods", {
        "src/reduce/meson.build": registry("methods", "method")}),
    ("registry methods", "l2 stands twice", {
        "src/reduce/meson.build": registry("methods", "method", "l2", "l2")}),
    ("registry methods", "l2_method in a file of another name", {
        "src/reduce/l2.c": None, "src/reduce/norm.c": "const struct method l2_method = { 0 };\n"}),
    ("registry methods", "methods has no loop", {"src/reduce/meson.build": "methods = ['l2']\n"}),
    ("registry methods", "methods is no list", {"src/reduce/meson.build": "methods = {'l2': 1}\n"}),
]
# Of every registry: a name without a file.
BREAKS += [(f"registry {name}", "src/models/meson.build:1: no file defines zebra_thing", {
    "src/models/meson.build": registry(name, "thing", "zebra"),
    **{f: "" for f in ("src/kernels/meson.build", "src/reduce/meson.build",
                       "sessions/meson.build")}}) for name in check_layers.REGISTRIES]


def broken_rules(files):
    """{rule: its violations} of a tree with these files; every line as check() prints it."""
    with tempfile.TemporaryDirectory(prefix="sparsetop-layers-") as folder:
        for name, text in files.items():
            if text is not None:
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        out = io.StringIO()
        status = check_layers.check(folder, out)
    broken, rule = {}, None
    for line in out.getvalue().splitlines():
        if line.startswith("not ok"):
            rule = line.split(" - ", 1)[1]
            broken[rule] = []
        elif line.startswith("# "):
            broken[rule].append(line[2:])
    assert status == (1 if broken else 0), status
    return broken


def clean_tree():
    assert broken_rules(CLEAN) == {}, broken_rules(CLEAN)


def no_tree():
    with tempfile.TemporaryDirectory() as folder:
        assert check_layers.check(folder, io.StringIO()) == 1


def breaks(rule, says, changes):
    def case():
        broken = broken_rules({**CLEAN, **changes})
        hits = [v for name, violations in broken.items() if name.startswith(rule)
                for v in violations]
        assert any(says in v for v in hits), broken
    return case


def every_rule_is_broken():
    for rule in check_layers.RULES:
        assert any(rule.__doc__.startswith(b[0]) for b in BREAKS), rule.__doc__


def main():
    cases = [("a clean tree breaks no rule", clean_tree),
             ("an empty folder is no success", no_tree),
             ("every rule has a case here", every_rule_is_broken)]
    cases += [(f"{rule}: {says}", breaks(rule, says, changes)) for rule, says, changes in BREAKS]
    return tap.run(cases)


if __name__ == "__main__":
    sys.exit(main())
