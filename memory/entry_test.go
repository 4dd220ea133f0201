package memory

import (
	"testing"
	"unsafe"
)

func TestEntryFitsItsSizeClass(t *testing.T) {
	if size := unsafe.Sizeof(entry{}); size > 96 {
		t.Errorf("an entry has %d bytes; above 96, it allocates 112", size)
	}
}
