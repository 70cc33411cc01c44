// Command torchwood-reader reads a tlog-tiles log with filippo.io/torchwood's client: the checkpoint, every entry, the log's own receipts
// and consistency proofs. It shares no code with what it checks.
//
//	torchwood-reader http://127.0.0.1:6962 VKEY
package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const proofs = 20

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: torchwood-reader URL VKEY")
	}
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url, vkey string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(verifier.Name()), torchwood.SingleVerifierPolicy(verifier))
	fetcher, err := torchwood.NewTileFetcher(url, torchwood.WithConcurrencyLimit(8))
	if err != nil {
		return err
	}
	signed, err := fetcher.ReadEndpoint(ctx, "checkpoint")
	if err != nil {
		return err
	}
	checkpoint, _, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil {
		return err
	}
	fmt.Printf("checkpoint: %s, size %d\n", checkpoint.Origin, checkpoint.N)
	digest, err := digestOfEntries(ctx, fetcher, checkpoint.Tree)
	if err != nil {
		return err
	}
	fmt.Printf("entries: %d, sha256 %s\n", checkpoint.N, digest)
	if err := checkReceipts(ctx, fetcher, checkpoint.Tree, policy); err != nil {
		return err
	}
	return checkConsistency(ctx, fetcher, checkpoint.Tree)
}

// digestOfEntries returns the SHA-256 of all entries, each behind its length in two bytes.
func digestOfEntries(ctx context.Context, fetcher torchwood.TileReader, tree tlog.Tree) (string, error) {
	client, err := torchwood.NewClient(fetcher)
	if err != nil {
		return "", err
	}
	digest, count := sha256.New(), int64(0)
	for index, entry := range client.AllEntries(ctx, tree, 0) {
		if index != count {
			return "", fmt.Errorf("entry %d comes where %d belongs", index, count)
		}
		digest.Write(binary.BigEndian.AppendUint16(nil, uint16(len(entry))))
		digest.Write(entry)
		count++
	}
	if err := client.Err(); err != nil {
		return "", err
	}
	if count != tree.N {
		return "", fmt.Errorf("%d entries of %d", count, tree.N)
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

func checkReceipts(ctx context.Context, fetcher torchwood.TileReader, tree tlog.Tree, policy torchwood.Policy) error {
	hashes := torchwood.TileHashReaderWithContext(ctx, tree, fetcher)
	count := 0
	for index := int64(0); index < tree.N; index += 1 + tree.N/proofs {
		receipt, err := fetcher.ReadEndpoint(ctx, fmt.Sprintf("receipt/%d", index))
		if err != nil {
			return err
		}
		leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		if err != nil {
			return err
		}
		if err := torchwood.VerifyProof(policy, leaf[0], receipt); err != nil {
			return fmt.Errorf("receipt of entry %d: %w", index, err)
		}
		count++
	}
	fmt.Printf("receipts: %d\n", count)
	return nil
}

func checkConsistency(ctx context.Context, fetcher torchwood.TileReader, tree tlog.Tree) error {
	hashes := torchwood.TileHashReaderWithContext(ctx, tree, fetcher)
	count := 0
	for from := int64(1); from < tree.N; from += 1 + tree.N/proofs {
		old, err := tlog.TreeHash(from, hashes)
		if err != nil {
			return err
		}
		answer, err := fetcher.ReadEndpoint(ctx, fmt.Sprintf("proof/consistency?from=%d&to=%d", from, tree.N))
		if err != nil {
			return err
		}
		proof, err := parseProof(answer)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, from, old); err != nil {
			return fmt.Errorf("consistency from %d: %w", from, err)
		}
		count++
	}
	fmt.Printf("consistency: %d\n", count)
	return nil
}

func parseProof(answer []byte) (tlog.TreeProof, error) {
	var parsed struct{ Proof []string }
	if err := json.Unmarshal(answer, &parsed); err != nil {
		return nil, err
	}
	var proof tlog.TreeProof
	for _, text := range parsed.Proof {
		hash, err := hex.DecodeString(text)
		if err != nil || len(hash) != tlog.HashSize {
			return nil, fmt.Errorf("%q is not a hash", text)
		}
		proof = append(proof, tlog.Hash(hash))
	}
	return proof, nil
}
