package memory

import (
	"testing"
	"unsafe"
)

func TestEntryFillsItsAllocation(t *testing.T) {
	if size := unsafe.Sizeof(entry{}); size > 96 {
		t.Errorf("an entry has %d bytes; above 96, the allocator takes 112", size)
	}
}
