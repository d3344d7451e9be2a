"""Ask the server of tests to run them; end with the status that pytest ended with.

cosmic-ray calls this for every mutant, so it imports almost nothing.
"""

import socket
import sys

with socket.socket(socket.AF_UNIX) as line:
    line.connect(sys.argv[1])
    answer = line.recv(4)
sys.exit(int(answer or b"1"))
