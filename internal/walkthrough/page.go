package walkthrough

import (
	"fmt"
	"strings"
)

// Block is a fenced block of a page, or a heading.
type Block struct {
	Line  int      // of its fence
	Intro string   // the paragraph before it
	Info  []string // the words behind the fence; "#" for a heading
	Text  string

	Hidden bool // in a comment of HTML
}

// Blocks returns the blocks of a Markdown page.
func Blocks(page string) (all []Block) {
	var open *Block
	var intro string
	ended := false // the paragraph in intro
	for i, line := range strings.Split(page, "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		comment, isComment := strings.CutPrefix(line, "<!-- ")
		switch {
		case isComment && open == nil && !strings.Contains(line, "-->"):
			open = &Block{Line: i + 1, Info: strings.Fields(comment), Hidden: true}
		case open != nil && open.Hidden:
			if line == "-->" {
				all, open = append(all, *open), nil
			} else {
				open.Text += line + "\n"
			}
		case isFence && open == nil:
			open = &Block{Line: i + 1, Intro: intro, Info: strings.Fields(fence)}
		case isFence:
			all, open, intro = append(all, *open), nil, ""
		case open != nil:
			open.Text += line + "\n"
		case strings.HasPrefix(line, "#"):
			all, intro = append(all, Block{Line: i + 1, Info: []string{"#"}, Text: line}), ""
		case line == "":
			ended = true
		case ended:
			intro, ended = line+"\n", false
		default:
			intro += line + "\n"
		}
	}
	return all
}

// Carried reports whether a page has a block that a walk carries out.
func Carried(page string) bool {
	for _, b := range Blocks(page) {
		if len(b.Info) > 1 {
			return true
		}
	}
	return false
}

// step is a command with the lines that it prints, as a page shows them.
type step struct {
	line      int
	command   string // "" for an interrupt
	interrupt bool
	shown     string
}

// steps returns what a console block does.
func steps(b Block) (all []step, err error) {
	for i, line := range strings.Split(strings.TrimSuffix(b.Text, "\n"), "\n") {
		command, isCommand := strings.CutPrefix(line, "$ ")
		last := len(all) - 1
		switch {
		case isCommand:
			all = append(all, step{line: b.Line + 1 + i, command: command})
		case line == "^C":
			all = append(all, step{line: b.Line + 1 + i, interrupt: true})
		case last >= 0 && strings.HasSuffix(all[last].command, "\\") && all[last].shown == "":
			all[last].command += "\n" + line
		case last >= 0 && !all[last].interrupt:
			all[last].shown += line + "\n"
		default:
			return nil, fmt.Errorf("line %d: %q belongs to no command", b.Line+1+i, line)
		}
	}
	return all, nil
}
