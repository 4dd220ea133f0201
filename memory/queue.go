package memory

import "github.com/pump-go/sessions/driver"

// queue is a priority queue of a shard's entries: a binary heap, earliest expiry
// first. An entry stores its index, so that any entry can be removed.
//
// due is a lower bound of the entry's expiry. Most writes only move the expiry to
// a later time, and do not change the queue; the sweep calls postpone when it finds
// an entry that is due but has not expired. So a session in use moves in the queue
// once per timeout, not once per request.
type queue []queueItem

type queueItem struct {
	due driver.Millis
	e   *entry
}

// push adds an entry.
func (q *queue) push(e *entry) {
	*q = append(*q, queueItem{e.expires, e})
	e.heapIndex = int32(len(*q) - 1)
	q.up(len(*q) - 1)
}

// advance moves an entry forward if it now expires before it is due.
func (q queue) advance(e *entry) {
	if i := int(e.heapIndex); e.expires < q[i].due {
		q[i].due = e.expires
		q.up(i)
	}
}

// postpone moves the first entry back to where its expiry belongs.
func (q queue) postpone() {
	q[0].due = q[0].e.expires
	q.down(0)
}

// remove removes an entry.
func (q *queue) remove(e *entry) {
	i, last := int(e.heapIndex), len(*q)-1
	q.swap(i, last)
	(*q)[last] = queueItem{} // so that the entry can be collected
	*q = (*q)[:last]
	if i < last {
		q.down(i)
		q.up(i)
	}
}

func (q queue) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if q[parent].due <= q[i].due {
			return
		}
		q.swap(i, parent)
		i = parent
	}
}

func (q queue) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(q); child++ {
			if q[child].due < q[least].due {
				least = child
			}
		}
		if least == i {
			return
		}
		q.swap(i, least)
		i = least
	}
}

func (q queue) swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].e.heapIndex, q[j].e.heapIndex = int32(i), int32(j)
}
