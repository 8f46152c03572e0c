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

local tones = { good = true, bad = true, caution = true, open = true }

function Span(el)
  if has(el, 'source') then
    return within('#footnote[', el.content, ']')
  elseif has(el, 'again') then
    return within('#super[', el.content, ']')
  elseif has(el, 'mark') then
    return within('#mark(' .. quoted(el.attributes.title or '') .. ')[', el.content, ']')
  elseif has(el, 'badge') then
    for _, class in ipairs(el.classes) do
      if tones[class] then return within('#badge("' .. class .. '")[', el.content, ']') end
    end
  end
end

local alignments = { right = 'AlignRight', center = 'AlignCenter' }

local function strong(cell)
  cell.contents = cell.contents:walk {
    Plain = function(p) return pandoc.Plain(within('#strong[', p.content, ']')) end
  }
end

-- Width of a text of so many characters at the size of a table, in percent of a page's text.
local function percent(characters) return (characters * 4.6 + 14) / 453 * 100 end

local function longest_word(text)
  local longest = 0
  for word in text:gmatch('[^%s/-]+') do longest = math.max(longest, utf8.len(word) or #word) end
  return math.min(longest, 18)  -- report.typ breaks longer words in a table
end

-- One look at a row's cells, which pandoc hands over slowly: alignment and weight, the room that
-- their text needs, and whether the row stays on one page, as it does unless it is long.
local function lay_row(row, head, columns, least, whole)
  local bold, span, longest = head or has(row, 'total') or has(row, 'group'), 0, 0
  for _, c in ipairs(row.cells) do span = span + c.col_span end
  -- A cell that spans rows shifts the columns of the next row, so only full rows are measured.
  local full, column = span == columns, 1
  for _, c in ipairs(row.cells) do
    local alignment, text = alignments[c.classes[1]], pandoc.utils.stringify(c.contents)
    if alignment then c.alignment = alignment end
    if bold then strong(c) end
    if full and c.col_span == 1 then
      local word, all = longest_word(text), utf8.len(text) or #text
      least[column] = math.max(least[column] or 2, word)
      -- A heading may take two lines; a short cell stays on one.
      if head then all = math.max(word, math.ceil(all / 2) + 1) end
      whole[column] = math.max(whole[column] or 2, all)
    end
    longest, column = math.max(longest, #text), column + c.col_span
  end
  if longest < 500 and not head then row.cells[1].attributes['typst:breakable'] = 'false' end
end

-- Columns as wide as their text where all fit; else each has room for its longest word, and
-- what is left goes to those that need more, the neediest not taking all.
local function set_widths(el, least, whole)
  local width, wanted, total
  for _, short in ipairs { 20, 16, 12, 0 } do
    width, wanted, total = {}, 0, 0
    for i = 1, #el.colspecs do
      local all = math.max(whole[i] or 6, least[i] or 6)
      width[i] = percent(all <= short and all or least[i] or 6)
      total = total + width[i]
      wanted = wanted + percent(all)
    end
    if total <= 90 then break end
  end
  local full = wanted <= 100
  local left, weights, weight = 100 - total, {}, 0
  for i = 1, #el.colspecs do
    weights[i] = math.max(0, percent(math.max(whole[i] or 6, least[i] or 6)) - width[i])
    if not full then weights[i] = weights[i] ^ 0.6 end
    weight = weight + weights[i]
  end
  for i, spec in ipairs(el.colspecs) do
    local more = 0
    if full then more = weights[i]
    elseif left > 0 and weight > 0 then more = left * weights[i] / weight end
    local final = width[i] + more
    if total > 100 then final = width[i] / total * 100 end
    el.colspecs[i] = { spec[1], final / 100 }
  end
end

function Table(el)
  local least, whole = {}, {}
  for _, row in ipairs(el.head.rows) do lay_row(row, true, #el.colspecs, least, whole) end
  for _, body in ipairs(el.bodies) do
    body.row_head_columns = 0
    for _, row in ipairs(body.body) do lay_row(row, false, #el.colspecs, least, whole) end
  end
  set_widths(el, least, whole)
  return el
end

-- A figure is a chart (one image) or a table; both keep their title on top and their kind.
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
      found = found or pandoc.Blocks { pandoc.Para(within(open, title, ']')) }
    end,
  }
  return found
end

local wrappers = { note = 'note', sources = 'cited', question = 'question', answer = 'answer',
  answers = 'answers' }

function Div(el)
  for class, name in pairs(wrappers) do
    if has(el, class) then
      local out = pandoc.Blocks { block('#' .. name .. '[') }
      out:extend(el.content)
      out:insert(block(']'))
      return out
    end
  end
  if has(el, 'exhibit') or has(el, 'prose') or has(el, 'wide') then return el.content end
end
