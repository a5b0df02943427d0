// SPDX-License-Identifier: Apache-2.0

package patches

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

// patch is a random one of that type, for the document.
func (g generator) patch(kind string, document object) interface{} {
	switch {
	case kind == "json":
		return g.operations(document)
	case g.chance(1):
		return g.odd(2)
	}
	return g.objectPatch(document)
}

func lines(seed int64, count int, out *json.Encoder) error {
	g := generator{Rand: rand.New(rand.NewSource(seed))}
	for i := range count {
		kind := []string{"json", "merge", "strategic", "strategic"}[i%4]
		g.strategic = kind == "strategic"
		typed, document, err := g.document()
		if err != nil {
			return err
		}
		patch, err := json.Marshal(g.patch(kind, document))
		if err != nil {
			return err
		}
		l, err := compute(kind, typed, patch)
		if err != nil {
			return err
		}
		if err = out.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

// Main prints lines for tests/patch_lines.c, or with -keys the table of merge
// keys; it returns the exit status.
func Main(args []string) int {
	flags := flag.NewFlagSet("patches", flag.ExitOnError)
	seed := flags.Int64("seed", 1, "of the random numbers")
	count := flags.Int("count", 12000, "patches")
	keys := flags.String("keys", "", "print the merge keys of the kinds of this file, and nothing else")
	_ = flags.Parse(args)
	jsonpatch.AccumulatedCopySizeLimit = bodyMax
	var err error
	if *keys != "" {
		err = Keys(*keys, os.Stdout)
	} else {
		buffered := bufio.NewWriter(os.Stdout)
		fmt.Fprintf(os.Stderr, "# %d patches, seed %d\n", *count, *seed)
		err = lines(*seed, *count, json.NewEncoder(buffered))
		if flushed := buffered.Flush(); err == nil {
			err = flushed
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
