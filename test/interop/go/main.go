// Command verify reads a tlog-tiles log with golang.org/x/mod/sumdb alone: the checkpoint's signature, every tile that the root and the
// entries need, every entry, the log's own receipts and consistency proofs. It shares no code with what it checks.
//
//	verify http://127.0.0.1:6962 VKEY
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	proofs     = 20
)

// A source is a log somewhere, and whom to believe about it.
type source struct {
	url      string
	verifier note.Verifier
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: verify URL VKEY")
	}
	verifier, err := note.NewVerifier(os.Args[2])
	if err == nil {
		err = source{os.Args[1], verifier}.run()
	}
	if err != nil {
		log.Fatal(err)
	}
}

func (s source) run() error {
	signed, err := s.get("/checkpoint")
	if err != nil {
		return err
	}
	tree, err := s.openCheckpoint(signed)
	if err != nil {
		return err
	}
	fmt.Printf("checkpoint: %s, size %d\n", s.verifier.Name(), tree.N)
	hashes := tlog.TileHashReader(tree, s)
	if err := s.checkEntries(tree, hashes); err != nil {
		return err
	}
	if err := s.checkReceipts(tree, hashes); err != nil {
		return err
	}
	return s.checkConsistency(tree, hashes)
}

func (s source) openCheckpoint(signed []byte) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(s.verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != s.verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of %s: %q", s.verifier.Name(), opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, err
}

// checkEntries reads every bundle and compares each entry's hash with the one in the authenticated tiles. The digest it prints is that
// of all bundles, one after the other.
func (s source) checkEntries(tree tlog.Tree, hashes tlog.HashReader) error {
	digest := sha256.New()
	for start := int64(0); start < tree.N; start += 256 {
		width := min(256, tree.N-start)
		tile := tlog.Tile{H: tileHeight, L: -1, N: start / 256, W: int(width)}
		bundle, err := s.get("/" + strings.Replace(tile.Path(), "tile/8/data", "tile/entries", 1))
		if err != nil {
			return err
		}
		digest.Write(bundle)
		indexes := make([]int64, width)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, start+int64(i))
		}
		want, err := hashes.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i := range indexes {
			if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
				return fmt.Errorf("bundle %d ends within entry %d", tile.N, i)
			}
			end := 2 + int(binary.BigEndian.Uint16(bundle))
			if tlog.RecordHash(bundle[2:end]) != want[i] {
				return fmt.Errorf("entry %d is not the one in the tree", start+int64(i))
			}
			bundle = bundle[end:]
		}
		if len(bundle) != 0 {
			return fmt.Errorf("bundle %d has %d bytes too many", tile.N, len(bundle))
		}
	}
	fmt.Printf("entries: %d, sha256 %x\n", tree.N, digest.Sum(nil))
	return nil
}

// checkReceipts checks receipts (c2sp.org/tlog-proof) against the checkpoints that they hold.
func (s source) checkReceipts(tree tlog.Tree, hashes tlog.HashReader) error {
	count := 0
	for index := int64(0); index < tree.N; index += 1 + tree.N/proofs {
		leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		if err != nil {
			return err
		}
		receipt, err := s.get(fmt.Sprintf("/receipt/%d", index))
		if err != nil {
			return err
		}
		head, signed, _ := strings.Cut(string(receipt), "\n\n")
		signedTree, err := s.openCheckpoint([]byte(signed))
		if err != nil {
			return err
		}
		lines := strings.Split(head, "\n")
		if len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" || lines[1] != fmt.Sprintf("index %d", index) {
			return fmt.Errorf("not a receipt of entry %d: %q", index, head)
		}
		proof, err := parseHashes(lines[2:], base64.StdEncoding.DecodeString)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, signedTree.N, signedTree.Hash, index, leaf[0]); err != nil {
			return fmt.Errorf("receipt of entry %d: %w", index, err)
		}
		count++
	}
	fmt.Printf("receipts: %d\n", count)
	return nil
}

// checkConsistency checks the log's consistency proofs against the roots that the tiles make.
func (s source) checkConsistency(tree tlog.Tree, hashes tlog.HashReader) error {
	count := 0
	for from := int64(1); from < tree.N; from += 1 + tree.N/proofs {
		old, err := tlog.TreeHash(from, hashes)
		if err != nil {
			return err
		}
		answer, err := s.get(fmt.Sprintf("/proof/consistency?from=%d&to=%d", from, tree.N))
		if err != nil {
			return err
		}
		var parsed struct{ Proof []string }
		if err := json.Unmarshal(answer, &parsed); err != nil {
			return err
		}
		proof, err := parseHashes(parsed.Proof, hex.DecodeString)
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

func parseHashes(texts []string, decode func(string) ([]byte, error)) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, text := range texts {
		hash, err := decode(text)
		if err != nil || len(hash) != tlog.HashSize {
			return nil, fmt.Errorf("%q is not a hash", text)
		}
		hashes = append(hashes, tlog.Hash(hash))
	}
	return hashes, nil
}

func (s source) Height() int { return tileHeight }

func (s source) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		bytes, err := s.get("/" + strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

func (s source) SaveTiles([]tlog.Tile, [][]byte) {}

func (s source) get(path string) ([]byte, error) {
	response, err := http.Get(s.url + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 32<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, response.Status, body)
	}
	return body, err
}
