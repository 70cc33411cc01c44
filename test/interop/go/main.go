// Command verify checks a tlog-tiles log with golang.org/x/mod/sumdb alone: the checkpoint's signature, every tile that
// the root and the entries need, every entry, and a tlog-proof receipt. It shares no code with what it checks.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"flag"
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

const tileHeight = 8

var (
	url     = flag.String("url", "http://127.0.0.1:6962", "the log")
	vkey    = flag.String("vkey", "", "the log's verifier key")
	receipt = flag.String("receipt", "", "a .tlog-proof file to check too")
	entry   = flag.String("entry", "", "the file the receipt is for")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	verifier, err := note.NewVerifier(*vkey)
	if err != nil {
		return err
	}
	signed, err := get("/checkpoint")
	if err != nil {
		return err
	}
	tree, err := openCheckpoint(signed, verifier)
	if err != nil {
		return err
	}
	fmt.Printf("checkpoint: %s, size %d, root %s\n", verifier.Name(), tree.N, tree.Hash)
	reader := &tileReader{}
	hashes := tlog.TileHashReader(tree, reader)
	if err := checkEntries(tree, hashes); err != nil {
		return err
	}
	fmt.Printf("entries: all %d are in the tree, read from %d tiles\n", tree.N, reader.count)
	if err := checkProofs(tree, hashes); err != nil {
		return err
	}
	if *receipt != "" {
		return checkReceipt(verifier)
	}
	return nil
}

func openCheckpoint(signed []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of %s: %q", verifier.Name(), opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, err
}

// checkEntries reads every bundle and compares each entry's hash with the one in the authenticated tiles.
func checkEntries(tree tlog.Tree, hashes tlog.HashReader) error {
	for start := int64(0); start < tree.N; start += 256 {
		width := min(256, tree.N-start)
		tile := tlog.Tile{H: tileHeight, L: -1, N: start / 256, W: int(width)}
		bundle, err := get("/" + strings.Replace(tile.Path(), "tile/8/data", "tile/entries", 1))
		if err != nil {
			return err
		}
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
	return nil
}

// checkProofs makes proofs from the tiles, compares them with the log's own, and checks them.
func checkProofs(tree tlog.Tree, hashes tlog.HashReader) error {
	count := 0
	for index := int64(0); index < tree.N; index += 1 + tree.N/100 {
		proof, err := tlog.ProveRecord(tree.N, index, hashes)
		if err != nil {
			return err
		}
		leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf[0]); err != nil {
			return err
		}
		served, err := get(fmt.Sprintf("/receipt/%d", index))
		if err != nil {
			return err
		}
		for _, hash := range proof {
			if !bytes.Contains(served, []byte("\n"+hash.String()+"\n")) {
				return fmt.Errorf("the receipt of entry %d lacks hash %s", index, hash)
			}
		}
		count++
	}
	fmt.Printf("proofs: %d served receipts hold the proofs that Go makes\n", count)
	return nil
}

func checkReceipt(verifier note.Verifier) error {
	text, err := os.ReadFile(*receipt)
	if err != nil {
		return err
	}
	bytesOfEntry, err := os.ReadFile(*entry)
	if err != nil {
		return err
	}
	head, signed, found := bytes.Cut(text, []byte("\n\n"))
	if !found {
		return errors.New("receipt: no empty line")
	}
	tree, err := openCheckpoint(signed, verifier)
	if err != nil {
		return err
	}
	lines := strings.Split(string(head), "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		return fmt.Errorf("receipt: %q", lines[0])
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(hash) != tlog.HashSize {
			return fmt.Errorf("receipt: %q", line)
		}
		proof = append(proof, tlog.Hash(hash))
	}
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(bytesOfEntry)); err != nil {
		return err
	}
	fmt.Printf("receipt: the entry is leaf %d of size %d\n", index, tree.N)
	return nil
}

type tileReader struct{ count int }

func (r *tileReader) Height() int { return tileHeight }

func (r *tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range tiles {
		bytes, err := get("/" + strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
		r.count++
	}
	return data, nil
}

func (r *tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

func get(path string) ([]byte, error) {
	response, err := http.Get(*url + path)
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
