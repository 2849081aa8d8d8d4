package hsm

import "testing"

func TestAnOldListingDoesNotForgetTheBirthsSince(t *testing.T) {
	r, e := room{most: 4}, &epoch{}
	early, late := r.ended(), r.ended()
	r.set(e, 0, early)
	for range 3 {
		if !r.take(e) {
			t.Fatal("no room for a birth")
		}
		r.born()
	}
	if !r.take(e) {
		t.Fatal("no room for the fourth birth")
	}
	r.set(e, 0, late) // begun before the births, over after three of them
	if r.take(e) {
		t.Error("a fifth birth, where four objects have room")
	}
	r.born()
	r.set(e, 2, r.ended()) // two keys were destroyed
	for range 2 {
		if !r.take(e) {
			t.Fatalf("after a listing of two objects: no room for two more, %d taken", r.taken)
		}
	}
	if r.take(e) {
		t.Errorf("after a listing of two objects: room for a third, %d taken", r.taken)
	}
}
