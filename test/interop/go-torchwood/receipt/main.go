// Command receipt checks a c2sp.org/tlog-proof for a file with filippo.io/torchwood alone, under a c2sp.org/tlog-policy: log's signature,
// quorum of cosignatures, inclusion. It shares no code with what it checks.
//
//	receipt POLICY ENTRY < RECEIPT
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: receipt POLICY ENTRY < RECEIPT")
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(policyFile, entryFile string) error {
	text, err := os.ReadFile(policyFile)
	if err != nil {
		return err
	}
	policy, err := torchwood.ParsePolicy(text)
	if err != nil {
		return err
	}
	entry, err := os.ReadFile(entryFile)
	if err != nil {
		return err
	}
	receipt, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	if err := torchwood.VerifyProof(policy, tlog.RecordHash(entry), receipt); err != nil {
		return err
	}
	fmt.Println("verified")
	return nil
}
