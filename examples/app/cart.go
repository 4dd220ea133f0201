package main

import (
	"maps"
	"net/http"
	"strconv"

	"github.com/pump-go/sessions"
)

// Cart is the quantity of each product by ID. Names and prices are not in the
// session, since the shop may change them.
type Cart map[string]int

const maxQuantity = 99

type cartLine struct {
	Product  Product
	Quantity int
	Sum      Cents
}

type cartPage struct {
	Lines       []cartLine
	Total       Cents
	MaxQuantity int
}

func (a *app) showCart(w http.ResponseWriter, r *http.Request) {
	c, _ := cart.Get(sessions.FromContext(r.Context()))
	page := cartPage{MaxQuantity: maxQuantity}
	for _, p := range catalogue {
		if n := c[p.ID]; n > 0 {
			line := cartLine{Product: p, Quantity: n, Sum: p.Price * Cents(n)}
			page.Lines = append(page.Lines, line)
			page.Total += line.Sum
		}
	}
	a.render(w, r, http.StatusOK, "cart", "Cart", page)
}

func (a *app) addToCart(w http.ResponseWriter, r *http.Request) {
	a.changeCart(w, r, "/", "is in your cart.", func(old int) int { return old + 1 })
}

func (a *app) changeQuantity(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.PostFormValue("quantity"))
	if err != nil || n < 0 || n > maxQuantity {
		notices.Add(sessions.FromContext(r.Context()), Notice{
			Text:    "A quantity is a number from 0 to " + strconv.Itoa(maxQuantity) + ".",
			Problem: true,
		})
		http.Redirect(w, r, "/cart", http.StatusSeeOther)
		return
	}
	a.changeCart(w, r, "/cart", "has its new quantity.", func(int) int { return n })
}

func (a *app) removeFromCart(w http.ResponseWriter, r *http.Request) {
	a.changeCart(w, r, "/cart", "is out of your cart.", func(int) int { return 0 })
}

// changeCart changes one quantity and redirects to a page that shows it. Because of
// the redirect, reloading repeats the page and not the change.
func (a *app) changeCart(w http.ResponseWriter, r *http.Request, back, done string, change func(old int) int) {
	p, ok := product(r.PathValue("product"))
	if !ok {
		notFound(w, r)
		return
	}
	s := sessions.FromContext(r.Context())
	noticeEnded(r, s)
	// Update, not Get and Set, so that concurrent changes from two tabs are both
	// kept. The function may run again on the value that the other tab saved, so
	// it changes only its argument.
	cart.Update(s, func(old Cart) Cart {
		c := Cart{}
		maps.Copy(c, old)
		if n := min(change(old[p.ID]), maxQuantity); n > 0 {
			c[p.ID] = n
		} else {
			delete(c, p.ID)
		}
		return c
	})
	notices.Add(s, Notice{Text: p.Name + " " + done})
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// count returns the number of items in the cart.
func (c Cart) count() (n int) {
	for _, quantity := range c {
		n += quantity
	}
	return n
}
