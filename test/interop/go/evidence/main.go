// Command evidence verifies fork evidence against a log (spec/fork-evidence.md) with golang.org/x/mod/sumdb alone:
//
//	evidence -log-key VKEY FILE
//
// It shares no code with what made the file. Evidence against a witness it does not know: x/mod has no cosignatures.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var logKey = flag.String("log-key", "", "the log's verifier key")

type head struct {
	size int64
	root tlog.Hash
	text string // how the note says it: "5\n<root>\n"
}

func main() {
	log.SetFlags(0)
	flag.Parse()
	data, err := os.ReadFile(flag.Arg(0))
	if err == nil {
		err = verify(data)
	}
	if err != nil {
		log.Fatal("NOT CONVICTED: ", err)
	}
}

func verify(data []byte) error {
	verifier, err := note.NewVerifier(*logKey)
	if err != nil {
		return err
	}
	statement, notes, found := bytes.Cut(data, []byte("\n\n"))
	lines := strings.Split(string(statement), "\n")
	if !found || len(data) > 512<<10 || len(lines) < 4 || lines[0] != "bristlecone/tlog-evidence@v1" {
		return errors.New("no evidence file")
	}
	kind, origin := strings.TrimPrefix(lines[1], "kind "), strings.TrimPrefix(lines[2], "origin ")
	if lines[1] != "kind "+kind || lines[2] != "origin "+origin || verifier.Name() != origin {
		return errors.New("not about the log of this key")
	}
	heads, rest, err := parseHeads(lines[3:])
	if err != nil {
		return err
	}
	for _, h := range heads {
		if notes, err = verifyNote(notes, origin+"\n"+h.text, verifier); err != nil {
			return err
		}
	}
	if len(notes) > 0 {
		return errors.New("want nothing after the notes")
	}
	if err := contradict(kind, heads, rest); err != nil {
		return err
	}
	fmt.Printf("CONVICTED %s %s %x\n", kind, origin, sha256.Sum256(append(statement, '\n')))
	return nil
}

func parseHeads(lines []string) (heads []head, rest []string, err error) {
	for len(lines) > 0 && len(heads) < 2 && strings.HasPrefix(lines[0], "head ") {
		size, root, _ := strings.Cut(lines[0][len("head "):], " ")
		h := head{text: size + "\n" + root + "\n"}
		if h.size, err = strconv.ParseInt(size, 10, 64); err != nil || h.size < 0 || strconv.FormatInt(h.size, 10) != size {
			return nil, nil, errors.New("bad size")
		}
		if h.root, err = parseHash(root); err != nil {
			return nil, nil, err
		}
		heads, lines = append(heads, h), lines[1:]
	}
	if len(heads) == 0 {
		return nil, nil, errors.New("no head")
	}
	if len(heads) == 2 {
		a, b := heads[0], heads[1]
		if a.size > b.size || (a.size == b.size && bytes.Compare(a.root[:], b.root[:]) >= 0) {
			return nil, nil, errors.New("heads are not in ascending order")
		}
	}
	return heads, lines, nil
}

func verifyNote(notes []byte, text string, verifier note.Verifier) (rest []byte, err error) {
	line, rest, _ := bytes.Cut(notes, []byte("\n"))
	length, err := strconv.Atoi(strings.TrimPrefix(string(line), "note "))
	if err != nil || string(line) != fmt.Sprintf("note %d", length) || length < 0 || length > len(rest) {
		return nil, errors.New("bad note length")
	}
	opened, err := note.Open(rest[:length], note.VerifierList(verifier))
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(opened.Text, text) {
		return nil, errors.New("a note does not say what its head says")
	}
	return rest[length:], nil
}

// contradict returns nil when no append-only log can have these heads.
func contradict(kind string, heads []head, rest []string) error {
	a, b := heads[0], heads[len(heads)-1]
	switch {
	case kind == "impossible" && len(heads) == 1 && len(rest) == 0 && a.size == 0:
		if a.root == tlog.Hash(sha256.Sum256(nil)) {
			return errors.New("the empty tree")
		}
		return nil
	case kind == "same-size" && len(heads) == 2 && len(rest) == 0 && a.size == b.size:
		return nil
	case kind == "cross-size" && 0 < a.size && a.size < b.size && len(rest) > 0:
		root, proof, err := parseProof("root ", rest)
		if err == nil && root == a.root {
			err = errors.New("the proof starts from the smaller head's own root")
		}
		if err != nil {
			return err
		}
		return tlog.CheckTree(proof, b.size, b.root, a.size, root)
	case kind == "leaf" && a.size < b.size && len(rest) > 2 && strings.HasPrefix(rest[0], "index "):
		return contradictLeaf(a, b, rest)
	}
	return errors.New("not a kind this program knows, or not what stands there")
}

func contradictLeaf(a, b head, rest []string) error {
	index, err := strconv.ParseInt(rest[0][len("index "):], 10, 64)
	if err != nil || rest[0] != fmt.Sprintf("index %d", index) || index < 0 || index >= a.size {
		return errors.New("bad index")
	}
	second := 2
	for second < len(rest)-1 && !strings.HasPrefix(rest[second], "leaf ") {
		second++
	}
	leafA, proofA, errA := parseProof("leaf ", rest[1:second])
	leafB, proofB, errB := parseProof("leaf ", rest[second:])
	if err := errors.Join(errA, errB); err != nil || leafA == leafB {
		return errors.Join(err, errors.New("want two different leaves"))
	}
	return errors.Join(
		tlog.CheckRecord(tlog.RecordProof(proofA), a.size, a.root, index, leafA),
		tlog.CheckRecord(tlog.RecordProof(proofB), b.size, b.root, index, leafB))
}

// parseProof reads a line with a prefix and a hash, then lines of hashes.
func parseProof(prefix string, lines []string) (first tlog.Hash, proof []tlog.Hash, err error) {
	if len(lines) == 0 || len(lines) > 64 || !strings.HasPrefix(lines[0], prefix) {
		return first, nil, errors.New("bad proof")
	}
	first, err = parseHash(lines[0][len(prefix):])
	for _, line := range lines[1:] {
		hash, bad := parseHash(line)
		proof, err = append(proof, hash), errors.Join(err, bad)
	}
	return first, proof, err
}

func parseHash(text string) (hash tlog.Hash, err error) {
	decoded, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(decoded) != len(hash) || base64.StdEncoding.EncodeToString(decoded) != text {
		return hash, errors.New("bad hash")
	}
	copy(hash[:], decoded)
	return hash, nil
}
