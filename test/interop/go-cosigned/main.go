// Command cosigned opens a checkpoint from standard input with golang.org/x/mod/sumdb/note and the cosignature verifiers of
// github.com/transparency-dev/formats. It shares no code with what it checks.
//
//	cosigned LOG-VKEY COSIGNER-VKEY...
//
// Prints the checkpoint's size, then a line for each cosignature that verifies: name, key ID, POSIX seconds. A line that claims one
// of the keys and does not verify ends it with status 1.
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	f_log "github.com/transparency-dev/formats/log"
	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	log.SetFlags(0)
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		log.Fatal(err)
	}
}

func run(logKey string, cosignerKeys []string) error {
	logVerifier, err := note.NewVerifier(logKey)
	if err != nil {
		return err
	}
	var cosigners []note.Verifier
	for _, vkey := range cosignerKeys {
		cosigner, err := f_note.NewVerifierForCosignatureV1(vkey)
		if err != nil {
			return fmt.Errorf("%q: %w", vkey, err)
		}
		cosigners = append(cosigners, cosigner)
	}
	signed, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	checkpoint, _, opened, err := f_log.ParseCheckpoint(signed, logVerifier.Name(), logVerifier, cosigners...)
	if err != nil {
		return err
	}
	fmt.Println("size", checkpoint.Size)
	for _, signature := range opened.Sigs {
		if signature.Name == logVerifier.Name() {
			continue
		}
		at, err := f_note.CoSigV1Timestamp(signature)
		if err != nil {
			return err
		}
		fmt.Printf("%s %08x %d\n", signature.Name, signature.Hash, at.Unix())
	}
	return nil
}
