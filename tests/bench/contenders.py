"""Programs that take turns in a benchmark: each waits without computing while another runs."""

import json
import subprocess
import sys


class Worker:
    """sparsetop's own worker, spoken to in its protocol."""

    def __init__(self, binary, model, gemm, **knobs):
        self.name = f"sparsetop/{gemm}"
        self.model, self.next_id = model, 1
        self.knobs = {"gemm": gemm} | {name: str(value) for name, value in knobs.items()}
        self.process = subprocess.Popen([binary, "worker"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def run(self, settings, **measure):
        """The results of settings (knobs with their values), interleaved, in their order."""
        specs = [{"model": self.model,
                  "knobs": self.knobs | {name: str(value) for name, value in knobs.items()}}
                 for knobs in settings]
        request = {"type": "run", "id": self.next_id, "specs": specs, "order": "abba"} | measure
        self.next_id += 1
        print(json.dumps(request), file=self.process.stdin, flush=True)
        results = [None] * len(settings)
        for line in self.process.stdout:
            event = json.loads(line)
            if event["id"] != request["id"]:
                continue
            if event["type"] == "error":
                sys.exit(f"{self.name}: {event['message']}")
            if event["type"] == "result":
                results[event["variant"]] = event["result"]
            if event["type"] == "done":
                return results
        sys.exit(f"{self.name} ended")

    def time_ms(self, batch, keep, image_size=None):
        """Of a single pass."""
        setting = {"keep": keep, "batch": batch}
        if image_size:
            setting["image_size"] = image_size
        result, = self.run([setting], samples=1, warmup=0, budget_s=600)
        return result["wall"]["p50_ns"] / 1e6

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Peer:
    """A program that answers every line "BATCH KEEP [PIXELS]" with a JSON line of its `ms`."""

    def __init__(self, command, name="peer"):
        self.name = name
        self.process = subprocess.Popen(command, shell=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def time_ms(self, batch, keep, image_size=None):
        print(batch, keep, *([image_size] if image_size else []), file=self.process.stdin,
              flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ended")
        return json.loads(line)["ms"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def take_turns(contenders, settings, rounds):
    """{(contender's name, *setting): ms of every round}; a first round is warm-up."""
    times = {(c.name, *setting): [] for c in contenders for setting in settings}
    for round_ in range(rounds + 1):
        for setting in settings:
            for c in contenders:
                ms = c.time_ms(*setting)
                if round_:
                    times[(c.name, *setting)].append(ms)
    return times


def numbers(text):
    return [float(x) if "." in x else int(x) for x in text.split(",") if x]
