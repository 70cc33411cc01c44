"""Reads a tlog-tiles log with aics-tlog from PyPI: the checkpoint, every tile and entry, the log's own receipts and consistency proofs;
the receipts' proofs also with pymerkle. It shares no code with what it checks.

    python python_reader.py http://127.0.0.1:6962 VKEY
"""

import hashlib
import json
import sys
import urllib.request

import aics_tlog
import pymerkle

PROOFS = 20
TIMEOUT_SECONDS = 30


class Refused(Exception):
    """What the log serves does not hold."""


def main(url, vkey):
    log_key = aics_tlog.parse_vkey(vkey)
    reader = aics_tlog.HttpTileReader(url, proxies={})
    checkpoint = open_checkpoint(reader.read_checkpoint(), log_key)
    size, root = checkpoint.size, checkpoint.root
    print(f"checkpoint: {checkpoint.origin}, size {size}")
    tiles = aics_tlog.VerifiedTileReader(reader, size, root)
    print(f"entries: {size}, sha256 {digest_of_entries(tiles)}")
    print(f"receipts: {check_receipts(url, tiles, log_key)}")
    print(f"consistency: {check_consistency(url, tiles)}")


def open_checkpoint(text, log_key):
    verified = aics_tlog.verify_checkpoint(aics_tlog.parse_note(text), log_key, expected_origin=log_key.name)
    if not verified.ok:
        raise Refused(verified.error)
    return verified


def digest_of_entries(tiles):
    """SHA-256 of all entries, each behind its length in two bytes. The reader checks each bundle against its tile, and that against the root."""
    digest = hashlib.sha256()
    for start in range(0, tiles.size, 256):
        width = min(256, tiles.size - start)
        digest.update(tiles.read_entry_bundle(start // 256, None if width == 256 else width))
    return digest.hexdigest()


def check_receipts(url, tiles, log_key):
    count = 0
    for index in range(0, tiles.size, 1 + tiles.size // PROOFS):
        head, signed = get(url, f"receipt/{index}").decode().split("\n\n", 1)
        first, second, *hashes = head.split("\n")
        if (first, second) != ("c2sp.org/tlog-proof@v1", f"index {index}"):
            raise Refused(f"not a receipt of entry {index}: {head!r}")
        checkpoint = open_checkpoint(signed, log_key)
        leaf = aics_tlog.leaf_hash(tiles.entry(index))
        proof = [aics_tlog.note.b64_decode(line) for line in hashes]
        if not aics_tlog.verify_inclusion(leaf, index, checkpoint.size, proof, checkpoint.root):
            raise Refused(f"receipt of entry {index}: aics-tlog does not verify it")
        verify_with_pymerkle(leaf, index, checkpoint, proof)
        count += 1
    return count


def verify_with_pymerkle(leaf, index, checkpoint, proof):
    """pymerkle counts leaves from one, has the leaf's hash first in its path, and wants to be told on which side each hash stands."""
    rule = sides(index, checkpoint.size)
    claim = pymerkle.InclusionProof("sha256", True, checkpoint.size, index + 1, rule, [leaf, *proof])
    try:
        pymerkle.verify_inclusion(leaf, checkpoint.root, claim, index=index + 1, size=checkpoint.size)
    except pymerkle.InvalidProof as error:
        raise Refused(f"receipt of entry {index}: pymerkle: {error}") from None


def sides(index, size):
    """1 for each node on the leaf's way to the root that is a right child, 0 for a left one; a node without a sibling takes no step.
    The root's own 0 comes last."""
    bits, last = [], size - 1
    while last > 0:
        if index % 2 == 1 or index < last:
            bits.append(index % 2)
        index, last = index // 2, last // 2
    return [*bits, 0]


def check_consistency(url, tiles):
    count = 0
    for old_size in range(1, tiles.size, 1 + tiles.size // PROOFS):
        answer = json.loads(get(url, f"proof/consistency?from={old_size}&to={tiles.size}"))
        old_root = aics_tlog.tree_root_from_tiles(tiles, old_size, tiles.size)
        proof = [bytes.fromhex(text) for text in answer["proof"]]
        if not aics_tlog.verify_consistency(old_size, tiles.size, old_root, tiles.root, proof):
            raise Refused(f"consistency from {old_size}: aics-tlog does not verify it")
        count += 1
    return count


def get(url, path):
    with urllib.request.urlopen(f"{url}/{path}", timeout=TIMEOUT_SECONDS) as answer:
        return answer.read()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (Refused, ValueError, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
