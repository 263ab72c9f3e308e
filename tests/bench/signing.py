"""signing - the benchmark's figures of DKIM: signatures of ours beside those of
libopendkim, in the same minute."""
import os
import statistics
import subprocess

from servers import PRESET, lab


def rate(how, milliseconds):
    """RSA-2048 signatures a second, on all processors."""
    done = subprocess.run(
        [lab.program("dkim_rate", PRESET), how, str(milliseconds),
         str(os.cpu_count())], capture_output=True, text=True, check=True)
    return float(done.stdout)


class Figures:
    def sign(self):
        """RSA-2048 signatures of 4 KiB messages, beside libopendkim's own"""
        names = {"ours": "Belfry", "library": "libopendkim",
                 "openssl": "RSA alone"}
        rates = {how: [] for how in names}
        for turn in range(self.options.pairs):
            for how in sorted(names, reverse=turn % 2 == 1):
                rates[how].append(rate(how, self.options.signing))
                self.note(f"{names[how]}: {rates[how][-1]:.0f}/s")
        for how, name in names.items():
            self.row(f"signing: {name}", statistics.median(rates[how]),
                     "signatures/s", digits=0)
        self.row("signing: ratio to libopendkim",
                 statistics.median(rates["ours"]) /
                 statistics.median(rates["library"]), "times", 0.85)
