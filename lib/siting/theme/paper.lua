-- HTML of a report's exhibits to Typst: what pandoc would drop (classes, alternative texts,
-- alignment of cells, footnotes) becomes a call of a function in report.typ.

local function typst(text) return pandoc.RawInline('typst', text) end
local function block(text) return pandoc.RawBlock('typst', text) end
local function quoted(text)
  return '"' .. text:gsub('\\', '\\\\'):gsub('"', '\\"'):gsub('%s+', ' ') .. '"'
end
local function has(el, class) return el.classes:includes(class) end

-- Inlines between an opening and a closing piece of Typst.
local function within(open, inlines, close)
  local out = pandoc.Inlines { typst(open) }
  out:extend(inlines)
  out:insert(typst(close))
  return out
end

function Span(el)
  if has(el, 'source') then
    return within('#footnote[', el.content, ']')
  elseif has(el, 'again') then
    return within('#super[', el.content, ']')
  elseif has(el, 'mark') then
    return within('#mark(' .. quoted(el.attributes.title or '') .. ')[', el.content, ']')
  end
end

-- A table of the analyst's own: the kit's come as files (paper_table.py).
function Table(el)
  for _, row in ipairs(el.head.rows) do
    for _, c in ipairs(row.cells) do
      c.contents = c.contents:walk {
        Plain = function(p) return pandoc.Plain(within('#strong[', p.content, ']')) end
      }
    end
  end
  for _, body in ipairs(el.bodies) do body.row_head_columns = 0 end
  return el
end

-- A figure is a file, of a chart or of a table, or a table of the analyst's own; all keep their
-- title on top and their kind.
function Figure(el)
  local found
  el:walk {
    Table = function(table)
      table.caption = el.caption
      found = pandoc.Blocks { table }
    end,
    Image = function(image)
      local alt = pandoc.utils.stringify(image.caption)
      local title = pandoc.utils.blocks_to_inlines(el.caption.long)
      local open = '#chart(' .. quoted(image.src) .. ', ' .. quoted(alt) .. ')['
      if image.src:match('%.typ$') then open = '#tabled(' .. quoted(image.src) .. ')[' end
      found = found or pandoc.Blocks { pandoc.Para(within(open, title, ']')) }
    end,
  }
  return found
end

local wrappers = { exhibit = 'exhibit', note = 'note', sources = 'cited', question = 'question',
  answer = 'answer', answers = 'answers' }

function Div(el)
  for class, name in pairs(wrappers) do
    if has(el, class) then
      local out = pandoc.Blocks { block('#' .. name .. '[') }
      out:extend(el.content)
      out:insert(block(']'))
      return out
    end
  end
  if has(el, 'prose') or has(el, 'wide') then return el.content end
end
