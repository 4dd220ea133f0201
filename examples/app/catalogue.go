package main

import (
	"fmt"
	"slices"
)

// Cents is an amount of money.
type Cents int

func (c Cents) String() string { return fmt.Sprintf("€\u00a0%d.%02d", c/100, c%100) }

// Product is an article of the shop.
type Product struct {
	ID, Name, About string
	Price           Cents
}

var catalogue = []Product{
	{"floor", "Floor pump", "Stands firm, fills a tyre in twenty strokes.", 3900},
	{"mini", "Mini pump", "Fits a jersey pocket, for the road home.", 2250},
	{"shock", "Shock pump", "Fine steps for forks and dampers.", 4500},
	{"foot", "Foot pump", "Balls, boats and mattresses, hands free.", 1890},
	{"hose", "Spare hose", "One metre, fits all our pumps.", 790},
	{"patch", "Patch kit", "Six patches, glue and a rasp.", 490},
}

func product(id string) (Product, bool) {
	i := slices.IndexFunc(catalogue, func(p Product) bool { return p.ID == id })
	if i < 0 {
		return Product{}, false
	}
	return catalogue[i], true
}
