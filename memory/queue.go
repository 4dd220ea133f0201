package memory

import "github.com/pump-go/sessions/driver"

// queue is a shard's entries in order of expiry: a binary heap, the earliest
// first. An entry knows its place, so that any of them can be taken out.
//
// due is a lower bound of the entry's expiry. Most writes only put the expiry
// off, and leave the queue as it is: whoever finds an entry that is due but not
// expired calls postpone. So a session that is used moves in the queue once a
// timeout, not once a request.
type queue []queued

type queued struct {
	due driver.Millis
	e   *entry
}

// push adds an entry.
func (q *queue) push(e *entry) {
	*q = append(*q, queued{e.expires, e})
	e.place = int32(len(*q) - 1)
	q.up(len(*q) - 1)
}

// hasten brings forward an entry whose expiry may have come nearer.
func (q queue) hasten(e *entry) {
	if i := int(e.place); e.expires < q[i].due {
		q[i].due = e.expires
		q.up(i)
	}
}

// postpone puts the first entry where its expiry belongs.
func (q queue) postpone() {
	q[0].due = q[0].e.expires
	q.down(0)
}

// remove takes an entry out.
func (q *queue) remove(e *entry) {
	i, last := int(e.place), len(*q)-1
	q.swap(i, last)
	(*q)[last] = queued{} // let go of the entry
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
	q[i].e.place, q[j].e.place = int32(i), int32(j)
}
