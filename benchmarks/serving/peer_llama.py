"""llama.cpp's server as xllamacpp's wheel has it: `python peer_llama.py MODEL --host H --port N`, where xllamacpp is.

The wheel is built for AVX2. One thread, 64 slots of 256 tokens; what a slot holds is not read again.
"""

import argparse
import signal

import xllamacpp

SLOTS, TOKENS = 64, 256


def main() -> None:
    """Serve until the process is told to end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    given = xllamacpp.CommonParams()
    given.model.path = arguments.model
    given.hostnames, given.port = [arguments.host], arguments.port
    given.n_parallel, given.n_ctx = SLOTS, SLOTS * TOKENS
    given.cpuparams.n_threads = given.cpuparams_batch.n_threads = 1
    given.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
    server = xllamacpp.Server(given)
    print(server.listening_address, flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
