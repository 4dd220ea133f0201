package browsertest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"net/http"
	"os"
	"regexp"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

var write = flag.Bool("picture", false, "write the picture of the shop, "+pictureFile)

const pictureFile = "../../../docs/app.png"

const iPhone = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1"

// TestPicture makes the picture of the shop in docs, with the flag -picture. Without,
// it checks that the picture is of the pages as they are now. What is compared is the
// HTML, the style and the icon, whose hash is in the picture: pixels depend on the
// machine's fonts.
func TestPicture(t *testing.T) {
	address := start(t)
	laptop, phone := open(t, address, t.TempDir()), open(t, address, t.TempDir())
	const smaller = 0.75
	laptop.call(chromedp.Run(laptop.ctx, chromedp.EmulateViewport(1172, 732, chromedp.EmulateScale(smaller))))
	phone.call(chromedp.Run(phone.ctx, chromedp.EmulateViewport(376, 808, chromedp.EmulateScale(smaller), chromedp.EmulateMobile)))
	phone.call(chromedp.Call(phone.ctx, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: iPhone}))

	for _, product := range []string{"floor", "mini"} {
		laptop.visit("/")
		laptop.press(`form[action="/cart/` + product + `/add"] button`)
	}
	laptop.signIn("Ada", false)
	phone.signIn("Ada", true)
	phone.visit("/devices")
	phone.expect("Safari on iPhone", "Chrome on Linux", "Ends unless used")

	hash := sha256.New()
	for _, b := range []*browser{laptop, phone} {
		io.WriteString(hash, changing.ReplaceAllString(ask[string](b, "document.documentElement.outerHTML"), ""))
	}
	for _, file := range []string{"/style.css", "/icon.svg"} {
		res, err := http.Get(address + file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(hash, res.Body); err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	pages := fmt.Sprintf("%x", hash.Sum(nil))

	if *write {
		if err := os.WriteFile(pictureFile, withText(t, compose(t, laptop, phone), pages), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	data, err := os.ReadFile(pictureFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, textChunk(pages)) {
		t.Error("docs/app.png shows earlier pages. Make it again: go test ./examples/app/browsertest -run TestPicture -picture")
	}
}

// changing matches what differs each time: public IDs and times.
var changing = regexp.MustCompile(`[0-9a-f]{64}|datetime="[^"]*"`)

// compose returns the two screens, beside each other.
func compose(t *testing.T, laptop, phone *browser) image.Image {
	t.Helper()
	all := image.NewRGBA(image.Rect(0, 0, 1240, 656))
	draw.Draw(all, all.Bounds(), image.NewUniform(color.RGBA{0xe4, 0xe1, 0xda, 0xff}), image.Point{}, draw.Src)
	for _, at := range []struct {
		*browser
		x, y int
	}{{laptop, 28, 53}, {phone, 932, 25}} {
		data, err := chromedp.Run(at.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		screen, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		size := screen.Bounds().Size()
		draw.DrawMask(all, image.Rectangle{Max: size}.Add(image.Pt(at.x, at.y)), screen, screen.Bounds().Min, rounded{size}, image.Point{}, draw.Over)
	}
	return all
}

// rounded is a mask with round corners.
type rounded struct{ size image.Point }

func (r rounded) ColorModel() color.Model { return color.AlphaModel }
func (r rounded) Bounds() image.Rectangle { return image.Rectangle{Max: r.size} }
func (r rounded) At(x, y int) color.Color {
	const radius = 12
	dx, dy := max(radius-x, x-(r.size.X-1-radius), 0), max(radius-y, y-(r.size.Y-1-radius), 0)
	if dx*dx+dy*dy > radius*radius {
		return color.Alpha{}
	}
	return color.Alpha{0xff}
}

// withText encodes the picture, with the hash of its pages.
func withText(t *testing.T, picture image.Image, pages string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	const end = 12 // the length of the last chunk, IEND
	at := b.Len() - end
	return append(append(bytes.Clone(b.Bytes()[:at]), textChunk(pages)...), b.Bytes()[at:]...)
}

// textChunk returns the chunk of a PNG file that holds the hash.
func textChunk(pages string) []byte {
	content := append([]byte("tEXtSource\x00"), pages...)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(content)-len("tEXt")))
	return binary.BigEndian.AppendUint32(append(chunk, content...), crc32.ChecksumIEEE(content))
}
