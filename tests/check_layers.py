#!/usr/bin/env python3
"""The walls of the house: what may include what, where a foreign library lives, what a
registry holds. One TAP case per rule; a violation is printed as FILE:LINE.

    check_layers.py [ROOT]

A rule is a function `rule_*(tree)` that yields violations; its docstring is its name in
the output. tests/structure/test_check_layers.py shows each one failing.
"""

import re
import sys
from pathlib import Path

# The dependency law, left to right; a room may include itself and what stands left of it.
# cli and ui stand side by side: neither includes the other.
LAW = ["base", "tensor", "image", "text", "kernels", "reduce", "models", "profiler", "sessions",
       "app", "cli ui", "main"]
RANK = {room: rank for rank, rooms in enumerate(LAW) for room in rooms.split()}

TOP_FOLDERS = ["src", "profiler", "sessions", "ui"]
ROOM_FOLDERS = ["src/base", "src/tensor", "src/image", "src/text", "src/kernels", "src/reduce",
                "src/models", "src/cli", "profiler", "sessions", "ui"]
SUFFIXES = {".c", ".h", ".def", ".inc", ".cu", ".cuh"}

# Tighter than the law. metric.def is the table behind metric.h, for who iterates it.
SESSIONS_SEE_OF_PROFILER = {"profiler/run.h", "profiler/metric.h", "profiler/metric.def"}
UI_SEES = SESSIONS_SEE_OF_PROFILER | {"src/app.h", "sessions/session.h", "sessions/compare.h"}

# Foreign header -> where it may be included.
HOMES = {
    "curses": (r"(ncursesw?/)?(n?curses|term|panel|menu|form)\.h", r"ui/term\.c"),
    "SQLite": (r"sqlite3(ext)?\.h", r"sessions/.*"),
    "jansson": (r"jansson\.h", r"src/base/json\.[ch]"),
    "nettle": (r"nettle/.*", r"src/base/(sha256|base64)\.[ch]"),
    "libpng and libjpeg": (r"(libpng\d*/)?png(conf|libconf)?\.h|(jpeglib|jerror|turbojpeg)\.h",
                           r"src/image/.*"),
    "zlib": (r"z(conf|lib)\.h", r"src/text/text_file\.c"),
    "libunistring": (r"uni(str|norm|case|ctype|types?|conv|stdio|name|width|[gwl]brk)\.h"
                     r"|unistring/.*", r"src/text/unicode\.c"),
    "BLAS": (r"(.*/)?(f77)?(cblas|blas|lapacke?)\w*\.h|(oneapi/)?(dnnl|mkl)\w*(/.*|\.h.*)",
             r"src/kernels/cpu/.*"),
    "CUDA": (r"(cuda|cupti|cublas|cudnn|nvtx|nvrtc)\w*(/.*|\.h|\.hpp)",
             r"src/kernels/cuda/.*|profiler/probe_cupti\.c"),
}
# Libraries opened at run time need no header: their names in code or strings give them away.
BLAS_NAME = r"\b(cblas_|dnnl_|openblas_(?:[gs]et|thread)_)\w+"

# The registries that stand in meson.build as lists.
REGISTRIES = ["model_families", "methods", "backends", "exporters", "views", "commands",
              "image_formats", "gemm_engines", "probes"]


def room_of(path):
    """src/image/png.c -> image; src/app.h and src/app_runs.c -> app."""
    parts = path.removeprefix("src/").split("/")
    return parts[0] if len(parts) > 1 else Path(parts[0]).stem.split("_")[0]


class Source:
    """A file of a room: its text with comments blanked, and without strings too."""

    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.room = room_of(self.path)
        text = path.read_text(encoding="utf-8", errors="replace")
        self.uncommented = blank(text, strings=False)
        self.code = blank(text, strings=True)

    def find(self, pattern, text=None):
        """(FILE:LINE, match) of every match."""
        text = self.code if text is None else text
        for match in re.finditer(pattern, text, re.MULTILINE):
            yield f"{self.path}:{line_at(text, match.start())}", match

    def includes(self):
        """(FILE:LINE, name, is_quoted) of every #include."""
        for where, match in self.find(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]',
                                      self.uncommented):
            yield where, match[2], match[1] == '"'


def line_at(text, offset):
    return text.count("\n", 0, offset) + 1


def blank(text, strings):
    """Blanks comments (and strings) and keeps every newline where it was."""
    comment = r"/\*.*?\*/|//[^\n]*"
    string = r'"(?:\\.|[^"\\\n])*"' + r"|'(?:\\.|[^'\\\n])*'"

    def replace(match):
        if match[0][0] in "\"'" and not strings:
            return match[0]
        return re.sub(r"[^\n]", " ", match[0])

    return re.sub(f"{comment}|{string}", replace, text, flags=re.DOTALL)


class Tree:
    def __init__(self, root):
        self.root = Path(root)
        files = [p for folder in TOP_FOLDERS for p in sorted((self.root / folder).rglob("*"))]
        self.sources = [Source(self.root, p) for p in files if p.suffix in SUFFIXES]
        self.paths = {s.path for s in self.sources}
        self.mesons = {p.relative_to(self.root).as_posix(): meson_text(p)
                       for p in [self.root / "meson.build", *files]
                       if p.name == "meson.build" and p.is_file()}

    def in_folder(self, folder):
        return [s for s in self.sources if folder == "." or s.path.startswith(folder + "/")]

    def resolve(self, name):
        """The path of the project's header that this include names, or None. A header made
        by the build is taken to stand where its name says."""
        for path in (name, "src/" + name):
            if path in self.paths:
                return path
        first = name.split("/")[0]
        if first in TOP_FOLDERS and "/" in name:
            return name
        return "src/" + name if "/" in name and first in RANK else None

    def project_includes(self):
        """(source, FILE:LINE, path) of every include of a header of the project."""
        for source in self.sources:
            for where, name, _ in source.includes():
                path = self.resolve(name)
                if path:
                    yield source, where, path


# --- the law --------------------------------------------------------------------------

def rule_rooms(tree):
    """every source file stands in a room"""
    for source in tree.sources:
        if source.room not in RANK:
            yield f"{source.path}: no room of the dependency law"


def rule_law(tree):
    """includes point leftward only"""
    for source, where, path in tree.project_includes():
        here, there = RANK.get(source.room), RANK.get(room_of(path))
        if here is None or there is None or source.room == room_of(path):
            continue
        if there >= here:
            yield f"{where}: {source.room} includes {path}"


def rule_root_relative(tree):
    """includes of the project are root-relative, in quotes, and exist"""
    for source in tree.sources:
        for where, name, quoted in source.includes():
            path = tree.resolve(name)
            if quoted and not path:
                yield f'{where}: "{name}" names no header of a room (from the root or src/)'
            elif ".." in name.split("/"):
                yield f'{where}: "{name}" climbs'
            elif path and not quoted:
                yield f"{where}: <{name}> is ours: write it in quotes"


def rule_sessions_see(tree):
    """of the profiler, sessions see run.h and metric.h only"""
    for source, where, path in tree.project_includes():
        if (source.room == "sessions" and room_of(path) == "profiler"
                and path not in SESSIONS_SEE_OF_PROFILER):
            yield f"{where}: sessions includes {path}"


def rule_ui_sees(tree):
    """ui sees app.h, run.h, metric.h, session.h, compare.h and base only"""
    for source, where, path in tree.project_includes():
        if source.room == "ui" and room_of(path) not in ("ui", "base") and path not in UI_SEES:
            yield f"{where}: ui includes {path}"


def rule_kernels_no_profiler(tree):
    """kernels never include the profiler"""
    for source, where, path in tree.project_includes():
        if source.room == "kernels" and room_of(path) == "profiler":
            yield f"{where}: kernels includes {path}"


# --- foreign libraries ----------------------------------------------------------------

def home_rule(library):
    header, home = HOMES[library]

    def rule(tree):
        for source in tree.sources:
            if re.fullmatch(home, source.path):
                continue
            for where, name, _ in source.includes():
                if re.fullmatch(header, name) and not tree.resolve(name):
                    yield f"{where}: <{name}>"
    rule.__doc__ = f"{library} at home only"
    return rule


def rule_blas_names(tree):
    """names of BLAS and oneDNN functions in src/kernels/cpu only"""
    for source in tree.sources:
        if not source.path.startswith("src/kernels/cpu/"):
            for where, match in source.find(BLAS_NAME, source.uncommented):
                yield f"{where}: {match[0]}"


# --- what library code does not do ----------------------------------------------------

def rule_mutex(tree):
    """locks in base only"""
    for source in tree.sources:
        if source.room != "base":
            for where, match in source.find(
                    r"\b(pthread_(?:mutex|cond|rwlock|spin|barrier)\w*|mtx_\w+|cnd_\w+)"):
                yield f"{where}: {match[0]}"


def rule_exit(tree):
    """exit() in main and cli only"""
    for source in tree.sources:
        if source.room not in ("main", "cli"):
            for where, match in source.find(r"\b(exit|quick_exit)\s*\("):
                yield f"{where}: {match[1]}()"


def rule_abort(tree):
    """abort() in base only"""
    for source in tree.sources:
        if source.room != "base":
            for where, _ in source.find(r"\babort\s*\("):
                yield f"{where}: abort()"


def rule_print(tree):
    """printing to stdout and stderr in main and cli only"""
    calls = (r"\b(printf|vprintf|puts|putchar|perror)\s*\(",
             r"\b(v?fprintf)\s*\(\s*(?:stdout|stderr)\b",
             r"\b(fputs|fputc|putc|fwrite)\s*\([^;]*,\s*(?:stdout|stderr)\s*\)")
    for source in tree.sources:
        if source.room not in ("main", "cli"):
            for pattern in calls:
                for where, match in source.find(pattern):
                    yield f"{where}: {match[1]}()"


def rule_constructor(tree):
    """no constructor attributes"""
    for source in tree.sources:
        for where, _ in source.find(r"__attribute__\s*\(\([^;{]*\b(con|de)structor\b"):
            yield f"{where}: a registry is a list in meson.build"


# --- registries -----------------------------------------------------------------------

class Registry:
    """What the meson.build files say of one registry."""

    def __init__(self, tree, name):
        self.name = name
        self.words = []  # (FILE:LINE, word) of the list
        self.problems = []
        self.loop = None  # (folder, struct, symbol with @0@) of the table it becomes
        for path, text in tree.mesons.items():
            self.read_lists(path, text)
            self.read_loop(path, text)

    def read_lists(self, path, text):
        """`name = ['a', 'b']`, `name += 'c'`."""
        for match in re.finditer(rf"^[ \t]*{self.name}[ \t]*\+?=[ \t]*(\[[^\]]*\]|'[^']*')?",
                                 text, re.MULTILINE):
            if match[1] is None:
                self.problems.append(f"{path}:{line_at(text, match.start())}: "
                                     f"{self.name} is no list of words")
                continue
            for word in re.finditer(r"'([^']*)'", match[1]):
                line = line_at(text, match.start(1) + word.start())
                self.words.append((f"{path}:{line}", word[1]))

    def read_loop(self, path, text):
        loop = re.search(rf"foreach\s+\w+\s*:\s*{self.name}\b(.*?)endforeach", text, re.DOTALL)
        found = loop and re.search(r"extern const struct (\w+) (\w*@0@\w*);", loop[1])
        if found:
            self.loop = (Path(path).parent.as_posix(), found[1], found[2])

    def definitions(self, tree):
        """{word: (FILE:LINE, file)} of every `const struct STRUCT SYMBOL =`."""
        folder, struct, symbol = self.loop
        symbol = symbol.replace("@0@", "(?P<word>[a-z0-9_]+)")
        pattern = rf"^[ \t]*const struct {struct} {symbol}\s*="
        return {match["word"]: (where, source.path) for source in tree.in_folder(folder)
                for where, match in source.find(pattern)}


def meson_text(path):
    """meson.build with its comments blanked."""
    return re.sub(r"('[^'\n]*')|#[^\n]*", lambda m: m[1] or " " * len(m[0]),
                  path.read_text(encoding="utf-8"))


def is_file_of(path, word):
    """clip_vit.c, model_clip_vit.c, clip_vit_model.c, clip_vit/anything.c bear the name."""
    stem = Path(path).stem
    return (stem == word or stem.endswith("_" + word) or stem.startswith(word + "_")
            or Path(path).parent.name == word)


def registry_rule(name):
    def rule(tree):
        registry = Registry(tree, name)
        yield from registry.problems
        if registry.words and not registry.loop:
            yield (f"{registry.words[0][0]}: {name} has no loop with "
                   "'extern const struct TYPE @0@_TYPE;'")
        elif registry.loop:
            yield from check_registry(tree, registry)
    rule.__doc__ = f"registry {name}: every name has its file, every file its name"
    return rule


def check_registry(tree, registry):
    defined = registry.definitions(tree)
    seen = set()
    for where, word in registry.words:
        symbol = registry.loop[2].replace("@0@", word)
        if word in seen:
            yield f"{where}: {word} stands twice in {registry.name}"
        elif word not in defined:
            yield f"{where}: no file defines {symbol}"
        elif not is_file_of(defined[word][1], word):
            yield f"{defined[word][0]}: {symbol} in a file of another name"
        seen.add(word)
    for word, (where, _) in sorted(defined.items()):
        if word not in seen:
            yield f"{where}: {word} is not in {registry.name} of {registry.loop[0]}/meson.build"


# --- rooms on the disk ----------------------------------------------------------------

def rule_room_papers(tree):
    """every room has a README.md and a meson.build"""
    for folder in ROOM_FOLDERS:
        for paper in ("README.md", "meson.build"):
            if (tree.root / folder).is_dir() and not (tree.root / folder / paper).is_file():
                yield f"{folder}: no {paper}"


RULES = [rule_rooms, rule_law, rule_root_relative, rule_sessions_see, rule_ui_sees,
         rule_kernels_no_profiler, *map(home_rule, HOMES), rule_blas_names, rule_mutex,
         rule_exit, rule_abort, rule_print, rule_constructor,
         *map(registry_rule, REGISTRIES), rule_room_papers]


def check(root, out):
    """Prints one case per rule; 0 when none was broken."""
    tree = Tree(root)
    if not tree.sources:
        print(f"Bail out! {root}: no sources here", file=out)
        return 1
    failed = 0
    print(f"1..{len(RULES)}", file=out)
    for number, rule in enumerate(RULES, 1):
        violations = list(rule(tree))
        print(f"{'not ok' if violations else 'ok'} {number} - {rule.__doc__}", file=out)
        for violation in violations:
            print(f"# {violation}", file=out)
        failed += bool(violations)
    return 1 if failed else 0


if __name__ == "__main__":
    here = Path(__file__).resolve().parents[1]
    sys.exit(check(sys.argv[1] if len(sys.argv) > 1 else here, sys.stdout))
