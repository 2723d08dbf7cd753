package sound_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"numhook/server/store/sound"
)

var errDamage = errors.New("damage")

func isDamage(err error) bool { return errors.Is(err, errDamage) }

// A list over pieces that cannot be read shows all that lies outside of them, whatever the pages are.
func TestWalkGoesOnBehindDamage(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 1))
		const keys = 400
		damaged, wrong := map[int64]bool{}, map[int64]bool{}
		for piece := range random.Int64N(4) {
			from := 100*piece + random.Int64N(30)
			for k := range 1 + random.Int64N(60) {
				damaged[from+k] = true
			}
		}
		for range random.IntN(6) {
			wrong[random.Int64N(keys)] = true
		}
		list := sound.List[int64]{
			Damage: isDamage, Say: func(err error) error { return err },
			Query: func(after int64, limit int, row func(int64, int64, error)) error {
				for k := after + 1; k <= keys && limit > 0; k++ {
					if damaged[k] {
						return errDamage
					}
					limit--
					var why error
					if wrong[k] {
						why = errors.New("wrong")
					}
					row(k, k, why)
				}
				return nil
			},
		}
		var want, got []int64
		for k := int64(1); k <= keys; k++ {
			if !damaged[k] && !wrong[k] {
				want = append(want, k)
			}
		}
		for after := int64(0); ; {
			one := list
			page, err := one.Read(after, 1+random.IntN(50))
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			got, after = append(got, page...), page[len(page)-1]
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %d keys were shown, want %d", seed, len(got), len(want))
		}
	}
}

// Behind a damaged piece of numbers, what follows is found with some hundred looks.
func TestBehindText(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 2))
		first := random.IntN(9_000_000)
		end := fmt.Sprintf("+1202%07d", first+1+random.IntN(900_000))
		looks := 0
		next, found := sound.BehindText(fmt.Sprintf("+1202%07d", first), func(after string) bool {
			looks++
			return after >= end
		})
		if !found || next < end || looks > 400 {
			t.Fatalf("seed %d: after %d looks %q was found (%v), want %q", seed, looks, next, found, end)
		}
		if len(next) >= len(end) && next[:len(end)] > end {
			t.Fatalf("seed %d: %q leaves out what follows %q", seed, next, end)
		}
	}
}
