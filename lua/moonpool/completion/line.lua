-- line.lua: bash's way of completing: a line as it was typed goes in, and what is to be inserted comes out, in quotes as they are open
-- there, and without what readline takes for earlier words ("arn:aws:" of "arn:aws:eks", where a colon ends words).
local line = {}

--- Splits a line as a shell does, without expanding anything.
---@param text string up to the cursor
---@return string[] words
---@return string raw the last word as it was typed
---@return string quote the quotation mark that is open at the end; "": none
function line.split(text)
  local words, word, start, quote = {}, nil, #text + 1, ""
  local position = 1
  while position <= #text do
    local char = text:sub(position, position)
    if not word and not char:find "%s" then word, start = "", position end
    if quote == "" and char:find "%s" then
      words[#words + 1] = word
      word, start = nil, #text + 1
    elseif char == quote then
      quote = ""
    elseif quote == "" and char:find "['\"]" then
      quote = char
    elseif char == "\\" and (quote == "" or quote == '"' and text:find('^[\\"$`]', position + 1)) then
      position = position + 1
      word = word .. text:sub(position, position)
    else
      word = word .. char
    end
    position = position + 1
  end
  words[#words + 1] = word or ""
  return words, text:sub(start), quote
end

--- How much of a word, as it was typed, readline counts to words before it: up to the last character that ends words.
local function lengthBefore(raw, breaks)
  local length, position = 0, 1
  while position <= #raw do
    local char = raw:sub(position, position)
    if char == "\\" then
      position = position + 1
    elseif breaks:find(char, 1, true) then
      length = position
    end
    position = position + 1
  end
  return length
end

local function escape(text) return (text:gsub("[^%w@%%+=:,./_^-]", "\\%0")) end

--- What bash is to insert for those of the values that begin as the line ends.
---@param text string
---@param breaks string bash's COMP_WORDBREAKS
---@param values string[]
---@return string[]
function line.insertions(text, breaks, values)
  local words, raw, quote = line.split(text)
  local word, insertions = words[#words], {}
  local before = quote == "" and lengthBefore(raw, breaks) or 0
  local typed = line.split(raw:sub(1, before))[1]
  for _, value in ipairs(values) do
    if value:sub(1, #word) == word and not (quote ~= "" and value:find(quote, 1, true)) then
      insertions[#insertions + 1] = quote ~= "" and value or escape(value:sub(#typed + 1))
    end
  end
  return insertions
end

return line
